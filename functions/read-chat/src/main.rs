//! Runs the function on Lambda.

use chats::edge::lambda::{self, Stopped};
use read_chat::ReadChat;

fn main() -> Result<(), Stopped> {
    lambda::run(ReadChat::start())
}
