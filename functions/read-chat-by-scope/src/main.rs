//! Runs the function on Lambda.

use chats::edge::lambda::{self, Stopped};
use read_chat_by_scope::ReadChatByScope;

fn main() -> Result<(), Stopped> {
    lambda::run(ReadChatByScope::start())
}
