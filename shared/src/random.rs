//! Randomness: everything that this library draws by itself. It has one place, so that a simulation can repeat a run.

use uuid::Uuid;

/// Returns a new random id.
pub(crate) fn uuid() -> Uuid {
    #[cfg(feature = "simulation")]
    if let Some(bytes) = crate::simulation::random() {
        return uuid::Builder::from_random_bytes(bytes).into_uuid();
    }
    Uuid::new_v4()
}
