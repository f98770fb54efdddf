//! Runs the function on Lambda.

use chats::edge::lambda::{self, Stopped};
use convert_chat::ConvertChat;

fn main() -> Result<(), Stopped> {
    lambda::run(ConvertChat::start())
}
