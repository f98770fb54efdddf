//! Runs the function on Lambda.

use chats::edge::lambda::{self, Stopped};
use create_chat::CreateChat;

fn main() -> Result<(), Stopped> {
    lambda::run(CreateChat::start())
}
