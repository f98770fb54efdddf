//! A function without dependencies, so that it compiles in a second. It answers every request with the same text and
//! writes a log line about it, as the real functions do.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process,
};

const ANSWER: &str = "first";

fn main() {
    loop {
        let (id, event) = exchange("GET", "next", "");
        let (status, level, error) = match &event {
            event if event.contains("/crash") => process::exit(7),
            event if event.contains("/fail") => (503, "ERROR", r#""error": "it is closed", "causes": "a\nb","#),
            _ => (200, "INFO", ""),
        };
        let answer = format!(r#"{{"statusCode": {status}, "body": "{ANSWER}"}}"#);
        exchange("POST", &format!("{id}/response"), &answer);
        let (_, request_id) = event.split_once(r#""requestId":""#).unwrap();
        let (request_id, _) = request_id.split_once('"').unwrap();
        println!(
            r#"{{"level": "{level}", "message": "request answered", "request_id": "{request_id}", "status": {status}, {error} "ColdStarts": 1}}"#
        );
    }
}

/// Calls the Lambda Runtime API. Returns the id of the invocation in its answer, and the body.
fn exchange(method: &str, path: &str, body: &str) -> (String, String) {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let api = api.trim_start_matches("http://");
    let (address, prefix) = api.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /{prefix}/2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nhost: {address}\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = BufReader::new(stream);
    let (mut id, mut line, mut body) = (String::new(), String::new(), String::new());
    while answer.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.strip_prefix("lambda-runtime-aws-request-id: ") {
            id = value.trim().to_owned();
        }
        line.clear();
    }
    answer.read_to_string(&mut body).unwrap();
    (id, body)
}
