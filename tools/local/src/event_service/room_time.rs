//! The time during which a room is open: `[start, end]` in whole unix seconds (`docs/event-service.md#rooms`). The end
//! is null for a room that stays open.
//!
//! One second decides whether a room accepts events, so these rules have a module and tests of their own.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::answer::Failure;

/// The range of the real service's date type, chrono's `NaiveDateTime`: the years -262143 to 262142. The recordings
/// show that 8,000,000,000,000 is accepted and 9,224,318,016,000 is rejected.
const DATE_TYPE_RANGE: std::ops::RangeInclusive<i64> = -8_334_601_228_800..=8_210_266_876_799;

/// The first second that Postgres can store: the start of 24 November 4714 BC. Its last second lies outside the range
/// of the date type.
const FIRST_STORABLE_SECOND: i64 = -210_866_803_200;

const NANOSECONDS: i64 = 1_000_000_000;

/// A point in time, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(i64);

impl Moment {
    /// Converts a system time. Times outside the i64 range (1677 to 2262) become its bounds.
    pub(super) fn of(time: SystemTime) -> Self {
        let nanoseconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanoseconds| -nanoseconds),
        };
        Self(nanoseconds)
    }

    /// Whole unix seconds.
    pub(super) fn seconds(self) -> i64 {
        self.0.div_euclid(NANOSECONDS)
    }

    /// Whole unix milliseconds.
    pub(super) fn milliseconds(self) -> i64 {
        self.0.div_euclid(NANOSECONDS / 1000)
    }

    /// Nanoseconds since a unix second.
    pub(super) fn nanoseconds_since(self, second: i64) -> i64 {
        self.0.saturating_sub(second.saturating_mul(NANOSECONDS))
    }

    fn is_after(self, second: i64) -> bool {
        i128::from(self.0) > i128::from(second) * i128::from(NANOSECONDS)
    }
}

/// The time during which a room is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomTime {
    /// The first second, in unix seconds.
    pub start: i64,
    /// The second at which the room is over, in unix seconds. A room without an end stays open.
    pub end: Option<i64>,
}

impl RoomTime {
    /// Whether the room accepts events: from just after its start until its end.
    pub(super) fn is_open(&self, now: Moment) -> bool {
        now.is_after(self.start) && !self.is_over(now)
    }

    /// Whether the room is over.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.end.is_some_and(|end| end <= now.seconds())
    }

    /// Whether Postgres can store this time.
    pub(super) fn is_storable(&self) -> bool {
        self.start >= FIRST_STORABLE_SECOND
    }

    /// Updates the time of a room that is not over. A room that has not begun takes `new` unchanged. An open room keeps
    /// its start, and an end in the past becomes `now`.
    pub(super) fn updated(&self, new: Self, now: Moment) -> Self {
        if !now.is_after(self.start) {
            return new;
        }
        Self {
            start: self.start,
            end: new.end.map(|end| end.max(now.seconds())),
        }
    }
}

impl Serialize for RoomTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.start, self.end).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RoomTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (start, end) = Deserialize::deserialize(deserializer)?;
        Ok(Self { start, end })
    }
}

/// A room time as a request sends it. Whether it is valid is checked later, after the rest of the body was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestedTime {
    start: Option<i64>,
    end: Option<i64>,
}

impl RequestedTime {
    /// Checks that there is a start and that the end comes after it.
    pub(super) fn room_time(self) -> Result<RoomTime, Failure> {
        match (self.start, self.end) {
            (Some(start), None) => Ok(RoomTime { start, end: None }),
            (Some(start), Some(end)) if end > start => Ok(RoomTime { start, end: Some(end) }),
            _ => Err(Failure::InvalidRoomTime),
        }
    }
}

impl<'de> Deserialize<'de> for RequestedTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TimeVisitor)
    }
}

/// Reads the pair with the service's error texts, which name the expected form and count members from one.
struct TimeVisitor;

impl<'de> Visitor<'de> for TimeVisitor {
    type Value = RequestedTime;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a [lt, rt) range of unix time (seconds) or null (unbounded)")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<RequestedTime, A::Error> {
        let start = next_second(&mut sequence)?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        let end = next_second(&mut sequence)?.ok_or_else(|| A::Error::invalid_length(2, &self))?;
        Ok(RequestedTime { start, end })
    }
}

/// Reads the next member of the pair: null, or a second within the range of the date type.
fn next_second<'de, A: SeqAccess<'de>>(sequence: &mut A) -> Result<Option<Option<i64>>, A::Error> {
    let member: Option<Option<Second>> = sequence.next_element()?;
    match member.flatten() {
        Some(Second(second)) if !DATE_TYPE_RANGE.contains(&second) => Err(A::Error::custom(format_args!(
            "cannot convert {second} secs to NaiveDateTime"
        ))),
        second => Ok(member.map(|_| second.map(|Second(second)| second))),
    }
}

/// An i64 with the error texts of the service's version of `serde`, which writes `1.0` as `1`.
#[derive(Clone, Copy)]
struct Second(i64);

impl<'de> Deserialize<'de> for Second {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecondVisitor;
        impl Visitor<'_> for SecondVisitor {
            type Value = Second;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("i64")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Second, E> {
                Ok(Second(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Second, E> {
                let unexpected = Unexpected::Unsigned(number);
                i64::try_from(number)
                    .map(Second)
                    .map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Second, E> {
                Err(E::invalid_type(
                    Unexpected::Other(&format!("floating point `{number}`")),
                    &self,
                ))
            }
        }
        deserializer.deserialize_i64(SecondVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanoseconds: i64) -> Moment {
        Moment(seconds * NANOSECONDS + nanoseconds)
    }

    #[test]
    fn a_room_opens_just_after_its_first_second_begins_and_closes_at_its_end() {
        let room = RoomTime {
            start: 100,
            end: Some(200),
        };
        assert!(!room.is_open(at(99, 999_999_999)));
        assert!(!room.is_open(at(100, 0)));
        assert!(room.is_open(at(100, 1)));
        assert!(room.is_open(at(199, 999_999_999)));
        assert!(!room.is_open(at(200, 0)) && room.is_over(at(200, 0)));
    }

    #[test]
    fn milliseconds_make_a_room_of_the_far_future() {
        let room = RoomTime {
            start: 1_795_442_013_000,
            end: None,
        };
        assert!(!room.is_open(at(1_795_442_013, 5)) && !room.is_over(at(1_795_442_013, 5)));
    }

    #[test]
    fn an_update_replaces_the_time_of_a_room_that_has_not_begun() {
        let new = RoomTime {
            start: 50,
            end: Some(60),
        };
        assert_eq!(RoomTime { start: 100, end: None }.updated(new, at(99, 0)), new);
    }

    #[test]
    fn an_update_of_an_open_room_keeps_its_start() {
        let room = RoomTime {
            start: 100,
            end: Some(200),
        };
        let updated = |new: RoomTime| room.updated(new, at(150, 7));
        assert_eq!(
            updated(RoomTime {
                start: 120,
                end: Some(300)
            }),
            RoomTime {
                start: 100,
                end: Some(300)
            }
        );
        assert_eq!(
            updated(RoomTime { start: 120, end: None }),
            RoomTime { start: 100, end: None }
        );
    }

    #[test]
    fn an_end_in_the_past_closes_an_open_room_now() {
        let room = RoomTime { start: 100, end: None }.updated(
            RoomTime {
                start: 90,
                end: Some(140),
            },
            at(150, 7),
        );
        assert_eq!(
            room,
            RoomTime {
                start: 100,
                end: Some(150)
            }
        );
        assert!(room.is_over(at(150, 7)));
    }

    #[test]
    fn a_time_without_start_or_with_an_end_that_is_not_after_it_is_invalid() {
        for (start, end) in [(None, None), (None, Some(5)), (Some(5), Some(5)), (Some(6), Some(5))] {
            assert!(RequestedTime { start, end }.room_time().is_err(), "{start:?} {end:?}");
        }
        assert!(
            RequestedTime {
                start: Some(-5),
                end: None
            }
            .room_time()
            .is_ok()
        );
    }
}
