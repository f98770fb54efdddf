//! `cargo local`: the stack on one machine, and small commands beside it. Without a command it starts the stack.

mod calls;
mod sam;
mod sample;
mod site;
mod start;
mod tenant;
mod token;

use std::{
    error::Error,
    io::{self, Write},
    iter,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use sample::Sample;
use site::Site;
use start::Start;
use tenant::Tenant;
use token::Token;

/// Runs the chats API on this machine: gateway, functions, tables and event service.
#[derive(Debug, Parser)]
#[command(
    name = "cargo local",
    bin_name = "cargo local",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: Start,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints a token of a demo tenant
    Token(Token),
    /// Prints a sample event with a token put in, for `sam local invoke --event -`
    Event(Sample),
    /// Puts tenants into a table, or shows or checks them
    #[command(subcommand)]
    Tenant(Tenant),
    /// Writes the reference page as a static site
    Reference(Site),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => arguments.start.run().await,
        Some(Command::Token(token)) => token.make().and_then(|token| say(&token)),
        Some(Command::Event(sample)) => sample.authorized().and_then(|event| say(&event)),
        Some(Command::Tenant(tenant)) => tenant.run().await.and_then(|done| say(&done)),
        Some(Command::Reference(site)) => site.write().and_then(|done| say(&done)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo local: {}", explained(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, as far as its own text does not end with them already.
fn explained(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |cause| (**cause).source());
    causes.fold(error.to_string(), |text, cause| match cause.to_string() {
        cause if text.ends_with(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}

/// Prints what a command was asked for. Unlike `println!` it does not panic when nobody reads any more.
fn say(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("local").chain(arguments.split_whitespace()))
    }

    #[test]
    fn a_real_event_service_needs_its_url_an_account_and_a_key() {
        assert!(parse("--event-service http://e --service-account a.b --service-key k.pem").is_ok());
        for incomplete in [
            "--event-service http://e --service-account a.b",
            "--service-account a.b",
            "--service-key k",
        ] {
            assert!(parse(incomplete).is_err(), "{incomplete}");
        }
    }

    #[test]
    fn the_ports_are_those_of_the_readme_unless_told_otherwise() {
        let start = parse("").unwrap().start;
        assert_eq!(
            (start.port, start.dynamodb_port, start.event_service_port),
            (3000, 8000, 8001)
        );
        assert_eq!(parse("--port 0").unwrap().start.port, 0);
    }

    #[test]
    fn the_options_of_the_stack_are_not_those_of_a_command() {
        assert!(parse("token --ttl -1").unwrap().command.is_some());
        assert!(parse("--port 0 token").is_err());
        assert!(parse("token --port 0").is_err());
    }
}
