//! Runs the function on Lambda.

use chats::edge::lambda::{self, Stopped};
use create_chat_event::CreateChatEvent;

fn main() -> Result<(), Stopped> {
    lambda::run(CreateChatEvent::start())
}
