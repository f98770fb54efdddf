//! The list of mutations.

use super::Mutation;

const CHATS: &str = "shared/src/table/mod.rs";
const CREATION: &str = "shared/src/creation/mod.rs";
const CREATE: &str = "shared/src/creation/create.rs";
const EVENTS: &str = "shared/src/event_creation.rs";
const FAILURES: &str = "shared/src/event_service/failure.rs";
const CLOCK: &str = "shared/src/clock.rs";

/// Each one breaks a rule that `docs/creation.md` or `docs/events.md` explains.
pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "a chat is put whatever is there",
        file: CHATS,
        from: r#"put.condition_expression("attribute_not_exists(pk)")"#,
        to: "put",
    },
    Mutation {
        name: "a takeover does not name the attempt that it met",
        file: CHATS,
        from: r#"Expected::Reservation(attempt) => put
                .condition_expression(IS_OUR_RESERVATION)"#,
        to: r#"Expected::Reservation(attempt) => put
                .condition_expression("attempt = :attempt OR attribute_exists(pk)")"#,
    },
    Mutation {
        name: "a room is claimed although another chat has it",
        file: CHATS,
        from: r#""attribute_not_exists(pk) OR chat_id = :chat""#,
        to: r#""attribute_not_exists(pk) OR chat_id = :chat OR attribute_exists(chat_id)""#,
    },
    Mutation {
        name: "a chat is made ready whoever reserved it",
        file: CHATS,
        from: r#".condition_expression(IS_OUR_RESERVATION)
            .expression_attribute_values(":room", text(event_room_id))"#,
        to: r#".condition_expression("attempt = :attempt OR attribute_exists(attempt)")
            .expression_attribute_values(":room", text(event_room_id))"#,
    },
    Mutation {
        name: "a miss of an eventually consistent read is final",
        file: CHATS,
        from: "for is_consistent in [false, true] {",
        to: "for is_consistent in [false] {",
    },
    Mutation {
        name: "reserved_until is ignored",
        file: CREATION,
        from: "if let Some(running_for) = met.state.running_for() {",
        to: "if let Some(running_for) = met.state.running_for().filter(|_| false) {",
    },
    Mutation {
        name: "the orphan of an attempt that was taken over is not counted",
        file: CREATION,
        from: r#"telemetry::count_possible_orphan_room(met.chat_id(), None, "an attempt ended without an answer");"#,
        to: "",
    },
    Mutation {
        name: "a binding that was met is not finished",
        file: CREATION,
        from: "self.finish(&met, event_room_id, bound_by).await?;",
        to: "let _ = bound_by;",
    },
    Mutation {
        name: "a binding is finished although the room does not point at the chat",
        file: CREATION,
        from: "pointed.map_err(|failure| failure.into_error(Repeat::Completes))?;",
        to: "let _ = (pointed, Repeat::Completes);",
    },
    Mutation {
        name: "a chat is ready before its room points at it",
        file: CREATION,
        from: "        let pointed = self
            .event_service",
        to: "        self.table.finish(chat_id, bound_by, self.deadline()).await?;
        let pointed = self
            .event_service",
    },
    Mutation {
        name: "a replay is not compared with the chat",
        file: CREATION,
        from: "if is_same_room && chat.content.tags == content.tags {",
        to: "if is_same_room {",
    },
    Mutation {
        name: "a room that may have been created after a time-out is not counted",
        file: CREATE,
        from: "if let Failure::Unknown(_) | Failure::TimedOut(_) = failure {",
        to: "if let Failure::Unknown(_) = failure {",
    },
    Mutation {
        name: "the reservation is kept when no room was created",
        file: CREATE,
        from: "self.drop_reservation(chat_id).await;
                Err(failure.into_error(Repeat::Completes))",
        to: "Err(failure.into_error(Repeat::Completes))",
    },
    Mutation {
        name: "a room whose transaction failed is not counted",
        file: CREATE,
        from: r#"                    count_orphan("the table failed");
"#,
        to: "",
    },
    Mutation {
        name: "an attempt that was overtaken answers with its own room",
        file: CREATE,
        from: "Some(met) if met.state == (State::Ready { event_room_id }) && met.created_at == ours.created_at => {",
        to: "Some(met) if matches!(met.state, State::Ready { .. }) => {",
    },
    Mutation {
        name: "a lost connection counts as if nothing had been sent",
        file: FAILURES,
        from: "HttpError::Connect(_) | HttpError::Certificate(_) => Self::Unavailable(error.into()),",
        to: "HttpError::Connect(_) | HttpError::Certificate(_) | HttpError::Lost(_) => Self::Unavailable(error.into()),",
    },
    Mutation {
        name: "there is no margin for clocks",
        file: CLOCK,
        from: "const MARGIN_SECONDS: i64 = 2;",
        to: "const MARGIN_SECONDS: i64 = -1;",
    },
    Mutation {
        name: "an event is sent although its key may not have been taken",
        file: EVENTS,
        from: "return Err(failure.into_error(Dependency::EventKeysTable));",
        to: "let _ = (failure, Dependency::EventKeysTable);
                    return Ok(Taken::ByUs);",
    },
    Mutation {
        name: "a key is released after an unknown outcome",
        file: EVENTS,
        from: "Err(Failure::Unknown(_) | Failure::TimedOut(_)) => State::Unknown,",
        to: "Err(Failure::Unknown(_) | Failure::TimedOut(_)) => State::Free,",
    },
    Mutation {
        name: "a key that was met in use is not respected",
        file: EVENTS,
        from: "Some(met) if met.attempt == key.attempt => return Ok(Taken::ByUs),",
        to: "Some(met) if met.attempt == key.attempt || met.state == State::Running => return Ok(Taken::ByUs),",
    },
];
