//! Choices from a seed. Each subject has choices of its own, so that leaving out one of them changes no other.

use fastrand::Rng;

/// What a choice is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    History = 1,
    Operation,
    Fault,
    Pace,
    Process,
    Restart,
    Patience,
    EventService,
}

/// Returns the source of the choices about the subject with this number.
pub(crate) fn choices(seed: u64, about: About, number: u64) -> Rng {
    let mix = |state: u64, word: u64| Rng::with_seed(state ^ word.rotate_left(32)).u64(..);
    Rng::with_seed(mix(mix(seed, about as u64), number))
}
