//! A `curl` command for each route, ready to paste in this order. The commands create a chat, read it in both ways,
//! create an event in it, and convert a room to another chat. The first line sets the token for all of them.

use local::demo::AUDIENCE;

/// The scope of the chat in the commands.
const SCOPE: &str = "math 7";
/// The id of that chat. It is known in advance, because it is derived from audience and scope.
const CHAT_ID: &str = "8266d9a3-cb64-5cac-a760-dd3300c2e437";

/// The commands for the API at `url`, one per line, each below a heading. `room` is a room without a chat. `token`
/// belongs to the demo tenant that owns [`AUDIENCE`].
pub(crate) fn commands(url: &str, room: &str, token: &str) -> String {
    let chats = format!("{url}/api/v1/chats");
    let chat = format!("{chats}/{CHAT_ID}");
    let by_scope = format!("{url}/api/v1/audiences/{AUDIENCE}/chats/{}", SCOPE.replace(' ', "%20"));
    let with_token = r#"-H "Authorization: Bearer $TOKEN""#;
    let json = format!("{with_token} -H 'Content-Type: application/json'");
    let content = format!(r#"{{"audience": "{AUDIENCE}", "scope": "{SCOPE}", "tags": {{"lesson": 7}}}}"#);
    let conversion = format!(r#"{{"audience": "{AUDIENCE}", "scope": "physics 7", "event_room_id": "{room}"}}"#);
    let commands = [
        ("set a token of the tenant school", format!("TOKEN={token}")),
        ("create a chat", format!("curl {chats} {json} -d '{content}'")),
        ("read it", format!("curl {chat} {with_token}")),
        ("read it by scope", format!("curl {by_scope} {with_token}")),
        (
            "create an event in it, once however often this is repeated",
            format!(
                r#"curl {chat}/events {json} -H 'Idempotency-Key: hello-1' -d '{{"type": "message", "data": {{"text": "Hello"}}}}'"#
            ),
        ),
        (
            "convert a room to a chat",
            format!("curl {chats}/convert {json} -d '{conversion}'"),
        ),
    ];
    commands
        .map(|(heading, command)| format!("# {heading}\n{command}\n"))
        .join("")
}

#[cfg(test)]
mod tests {
    use chats::domain::{Audience, ChatId, Scope};
    use local::{Template, binaries};

    use super::*;

    #[test]
    fn the_chat_id_is_that_of_the_audience_and_the_scope() {
        let (audience, scope) = (Audience::parse(AUDIENCE).unwrap(), Scope::parse(SCOPE).unwrap());
        assert_eq!(ChatId::of(&audience, &scope).to_string(), CHAT_ID);
    }

    #[test]
    fn there_is_a_command_for_each_route_of_the_template() {
        let commands = commands("http://127.0.0.1:3000", "a-room", "a-token");
        let called = commands
            .lines()
            .filter(|line| line.starts_with("curl http://127.0.0.1:3000/api/v1/"));
        let template = Template::read(&binaries::workspace().join("template.yaml")).unwrap();
        assert_eq!(called.count(), template.routes.len());
    }
}
