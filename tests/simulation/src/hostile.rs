//! A function that gets odd events. Nothing fails around it, so whatever is wrong with an answer is its own.

use crate::history;
use crate::lambda::{Function, FunctionName, TIMEOUT};
use crate::plan::Tenant;
use crate::process::Process;
use crate::record::Record;
use crate::world::{EPOCH, Fixed, LeftOut, World};
use contract::{Contract, Document};
use http::{HeaderMap, HeaderValue};
use lambda_http::{Context, LambdaEvent};
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The text in the sample events in whose place a token is put.
const TOKEN_PLACEHOLDER: &str = "put-a-token-here";

/// A running function in a world where nothing fails.
pub struct Target {
    runtime: Runtime,
    world: Arc<World>,
    process: Arc<Process>,
    function: Function,
    name: FunctionName,
    contract: Contract,
}

impl Target {
    /// Starts the function `binary`. The room and the chat of the sample events exist: `creation` is the sample that
    /// creates the chat.
    pub fn new(binary: &str, creation: &str) -> Self {
        history::log();
        let runtime = history::runtime();
        let name = FunctionName::ALL
            .into_iter()
            .find(|name| name.binary() == binary)
            .unwrap();
        let (world, process, function) = runtime.block_on(async {
            let fixed = Arc::new(Fixed::new(Duration::from_secs(EPOCH)).await);
            let world = Arc::new(World::new(0, LeftOut::default(), Record::default(), &fixed));
            world.calm_down();
            world.event_service.add_room_of_samples();
            let process = Process::new(&world, 0);
            process.begin(0);
            let creator = Function::start(FunctionName::CreateChat, &process).await;
            let created = invoke(&process, &creator, creation).await;
            assert_eq!(created["statusCode"], 201, "{created}");
            let function = Function::start(name, &process).await;
            (world, process, function)
        });
        Self {
            runtime,
            world,
            process,
            function,
            name,
            contract: Contract::new(&Document::read()),
        }
    }

    /// Sends an event, which is JSON, to the function. Returns the status of the answer.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn check(&self, event: &str) -> Result<u64, String> {
        let answer = self.runtime.block_on(invoke(&self.process, &self.function, event));
        hostile::answers::check(&answer)?;
        let status = answer["statusCode"].as_u64().unwrap();
        let headers = answer["headers"].as_object().into_iter().flatten();
        let header =
            |(name, value): (&String, &Value)| (name.parse().unwrap(), value.as_str().unwrap().parse().unwrap());
        let mut headers: HeaderMap = headers.map(header).collect();
        // The gateway adds it.
        headers.insert("apigw-requestid", HeaderValue::from_static("simulated"));
        let answered = contract::Answer {
            status: status.try_into().unwrap(),
            headers: &headers,
            text: answer["body"].as_str().unwrap(),
        };
        self.contract.check_function(self.name.operation_id(), &answered)?;
        match self.world.record().defects.pop() {
            Some(line) => Err(format!("a defect was logged: {line}")),
            None => Ok(status),
        }
    }
}

async fn invoke(process: &Arc<Process>, function: &Function, event: &str) -> Value {
    let event = event.replace(TOKEN_PLACEHOLDER, process.world.fixed.token(Tenant::School));
    let mut context = Context::default();
    // Lambda always gives one. It identifies a request whose event has no id of the gateway.
    "simulated".clone_into(&mut context.request_id);
    context.deadline = u64::try_from(process.invoke(TIMEOUT).as_millis()).unwrap();
    let event = LambdaEvent::new(RawValue::from_string(event).unwrap(), context);
    process.run(function.handle(event)).await.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_without_anything_in_it_is_answered_as_the_contract_says() {
        let creation = include_str!("../../../events/create-chat.json");
        for name in FunctionName::ALL {
            assert_eq!(Target::new(name.binary(), creation).check("null"), Ok(401), "{name:?}");
        }
    }
}
