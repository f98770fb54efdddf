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

/// Returns a random number from 0 to 1.
pub(crate) fn fraction() -> f64 {
    let (bits, _) = uuid().as_u64_pair();
    // The upper 32 bits of an id are random.
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}
