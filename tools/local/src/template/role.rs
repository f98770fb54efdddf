//! Reads the role of a function. Only the forms that this project uses are supported.

use super::{Value, node::Node};
use crate::{
    Error,
    iam::{Condition, Operator, Role, Statement},
};

/// Reads the role at `resource`, an `AWS::IAM::Role`.
pub(super) fn role(logical_id: &str, resource: &Node<'_>) -> Result<Role, Error> {
    let properties = resource.need("Properties")?;
    if let Some(node) = properties.get("ManagedPolicyArns").map(|node| node.otherwise())
        && node.value() != Value::Reference("AWS::NoValue".to_owned())
    {
        return Err(node.error("is not supported: declare the statements in Policies"));
    }
    let mut statements = Vec::new();
    let policies = properties.need("Policies")?;
    for policy in policies.items().ok_or_else(|| policies.error("is not a list"))? {
        let list = policy.need("PolicyDocument")?.need("Statement")?;
        for item in list.items().ok_or_else(|| list.error("is not a list"))? {
            statements.push(statement(&item)?);
        }
    }
    Ok(Role {
        logical_id: logical_id.to_owned(),
        statements,
    })
}

fn statement(node: &Node<'_>) -> Result<Statement, Error> {
    let effect = node.need("Effect")?;
    if effect.text()? != "Allow" {
        return Err(effect.error("must be Allow: no other effect is supported"));
    }
    let actions = node.need("Action")?;
    let actions = actions.items().unwrap_or_else(|| vec![actions]);
    let action = |node: &Node<'_>| match node.text()? {
        action if action.contains(['*', '?']) => Err(node.error("must be a single action")),
        action => Ok(action),
    };
    let resources = node.need("Resource")?.otherwise();
    let resources = resources.items().unwrap_or_else(|| vec![resources]);
    let mut conditions = Vec::new();
    if let Some(node) = node.get("Condition") {
        for (operator, keys) in node.entries()? {
            let operator = match operator.as_str() {
                "StringEquals" => Operator::StringEquals,
                "ForAllValues:StringLike" => Operator::ForAllValuesStringLike,
                _ => return Err(keys.error("is not a supported operator")),
            };
            for (key, values) in keys.entries()? {
                let values = values.items().unwrap_or_else(|| vec![values]);
                let values = values.iter().map(Node::text).collect::<Result<_, _>>()?;
                conditions.push(Condition { operator, key, values });
            }
        }
    }
    Ok(Statement {
        actions: actions.iter().map(action).collect::<Result<_, _>>()?,
        resources: resources.iter().map(resource).collect(),
        conditions,
    })
}

/// The logical id of a resource in the template, or the resource as it is written.
fn resource(node: &Node<'_>) -> String {
    match node.value() {
        Value::Literal(text) | Value::Reference(text) => text,
        Value::Other(text) => {
            let name = text.strip_prefix("!GetAtt ").and_then(|name| name.strip_suffix(".Arn"));
            name.map_or_else(|| text.clone(), ToOwned::to_owned)
        }
    }
}
