//! `cargo local`: starts the stack on one machine. It also has commands for tokens, sample events, tenants,
//! abandoned reservations and the reference page.

mod calls;
mod operator;
mod reservations;
mod sam;
mod sample;
mod site;
mod start;
mod tenant;
mod token;
mod watch;

use std::{
    error::Error,
    io::{self, Write},
    iter,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use reservations::Reservations;
use sample::Sample;
use site::Site;
use start::Start;
use tenant::Tenant;
use token::Token;

/// Runs the chats API on this machine: gateway, functions, tables and event service
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
    /// Print a token of a demo tenant
    Token(Token),
    /// Print a sample event with a token, for `sam local invoke --event -`
    Event(Sample),
    /// Put, get or check tenants
    #[command(subcommand)]
    Tenant(Tenant),
    /// List the reservations of chats whose attempt ended without finishing
    Reservations(Reservations),
    /// Write the reference page as a static site
    Reference(Site),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => arguments.start.run().await,
        Some(Command::Token(token)) => token.create().and_then(|token| print(&token)),
        Some(Command::Event(sample)) => sample.authorized().and_then(|event| print(&event)),
        Some(Command::Tenant(tenant)) => tenant.run().await.and_then(|output| print(&output)),
        Some(Command::Reservations(reservations)) => reservations.run().await.and_then(|output| print(&output)),
        Some(Command::Reference(site)) => site.write().and_then(|output| print(&output)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo local: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The text of an error and of its causes. A cause that the text already ends with is left out.
fn with_causes(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |cause| (**cause).source());
    causes.fold(error.to_string(), |text, cause| match cause.to_string() {
        cause if text.ends_with(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}

/// Prints the output of a command. Unlike `println!`, it does not panic if standard output is closed.
fn print(text: &str) -> Result<(), Box<dyn Error>> {
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
    fn the_default_ports_are_those_of_the_readme() {
        let start = parse("").unwrap().start;
        assert_eq!(
            (start.port, start.dynamodb_port, start.event_service_port),
            (3000, 8000, 8001)
        );
        assert_eq!(parse("--port 0").unwrap().start.port, 0);
    }

    #[test]
    fn commands_do_not_accept_the_options_of_the_stack() {
        assert!(parse("token --ttl -1").unwrap().command.is_some());
        assert!(parse("--port 0 token").is_err());
        assert!(parse("token --port 0").is_err());
    }
}
