//! Plays IAM: decides what the role of a function allows.
//!
//! Each function signs its requests with credentials that contain its name, so the tables know the caller. A permission
//! that the template lacks is thus missing here as well as on AWS. The used permissions are recorded, so the tests find
//! permissions that no function needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::Template;

/// The permissions of an `AWS::IAM::Role`. The default is that of a function without a role: it allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// The name in the template, e.g. `CreateChatRole`.
    pub logical_id: String,
    /// The statements. All of them have the effect `Allow`.
    pub statements: Vec<Statement>,
}

/// One statement of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Single actions, e.g. `dynamodb:GetItem`.
    pub actions: Vec<String>,
    /// The resources. A reference to the ARN of a resource in the template is kept as the logical id, e.g.
    /// `ChatsTable`. Others are kept as they are written.
    pub resources: Vec<String>,
    /// The conditions. All of them must be met.
    pub conditions: Vec<Condition>,
}

/// One condition of a statement: the allowed values of one key of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The comparison.
    pub operator: Operator,
    /// The key, e.g. `dynamodb:LeadingKeys`.
    pub key: String,
    /// The allowed values.
    pub values: Vec<String>,
}

/// The supported condition operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `StringEquals`: the request has the key, and its value is an allowed one.
    StringEquals,
    /// `ForAllValues:StringLike`: every value in the request matches an allowed value, in which `*` stands for any
    /// text. A request without the key matches as well.
    ForAllValuesStringLike,
}

/// A requested access: one action on one resource.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The action, e.g. `dynamodb:GetItem`.
    pub action: &'a str,
    /// The logical id of the resource.
    pub resource: &'a str,
    /// The condition keys with their values.
    pub context: &'a [(&'a str, &'a str)],
}

/// The smallest unit of a permission: one action on one resource, with at most one allowed value of a condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// The condition's key and value.
    pub condition: Option<(String, String)>,
}

impl Role {
    /// All grants of the role.
    pub fn grants(&self) -> BTreeSet<Grant> {
        let statements = self.statements.iter();
        let grants = statements.flat_map(|statement| {
            let resources = |action| statement.resources.iter().map(move |resource| (action, resource));
            let pairs = statement.actions.iter().flat_map(resources);
            pairs.flat_map(|(action, resource)| statement.grants(action, resource, |_, _| true))
        });
        grants.collect()
    }

    /// The grants that allow `access`. `None` if the role does not allow it.
    pub fn allows(&self, access: &Access<'_>) -> Option<BTreeSet<Grant>> {
        let statement = self.statements.iter().find(|statement| statement.allows(access))?;
        let is_used = |condition: &Condition, allowed: &str| {
            let mut requested = access.values(&condition.key);
            requested.any(|requested| condition.operator.matches(allowed, requested))
        };
        Some(statement.grants(access.action, access.resource, is_used).collect())
    }
}

impl Statement {
    fn allows(&self, access: &Access<'_>) -> bool {
        self.actions.iter().any(|action| action == access.action)
            && self.resources.iter().any(|resource| resource == access.resource)
            && self.conditions.iter().all(|condition| condition.is_met(access))
    }

    /// The statement's grants for one of its actions and resources, limited to the condition values that `selects`
    /// accepts.
    fn grants(
        &self,
        action: &str,
        resource: &str,
        selects: impl Fn(&Condition, &str) -> bool,
    ) -> impl Iterator<Item = Grant> {
        let values = self.conditions.iter().flat_map(|condition| {
            let values = condition.values.iter().filter(|value| selects(condition, value));
            let pair = |value: &String| Some((condition.key.clone(), value.clone()));
            values.map(pair).collect::<Vec<_>>()
        });
        let unconditional = self.conditions.is_empty().then_some(None);
        let grant = |condition| Grant {
            action: action.to_owned(),
            resource: resource.to_owned(),
            condition,
        };
        values.chain(unconditional).map(grant).collect::<Vec<_>>().into_iter()
    }
}

impl Condition {
    fn is_met(&self, access: &Access<'_>) -> bool {
        let is_allowed = |requested| {
            self.values
                .iter()
                .any(|allowed| self.operator.matches(allowed, requested))
        };
        let has_key = access.values(&self.key).next().is_some();
        (has_key || self.operator == Operator::ForAllValuesStringLike) && access.values(&self.key).all(is_allowed)
    }
}

impl Operator {
    fn matches(self, allowed: &str, requested: &str) -> bool {
        match self {
            Self::StringEquals => allowed == requested,
            Self::ForAllValuesStringLike => is_like(allowed, requested),
        }
    }
}

impl Access<'_> {
    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.context
            .iter()
            .filter(move |(name, _)| *name == key)
            .map(|(_, value)| *value)
    }
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}", self.action, self.resource)?;
        self.context
            .iter()
            .try_for_each(|(key, value)| write!(formatter, ", {key} {value}"))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}", self.action, self.resource)?;
        self.condition
            .iter()
            .try_for_each(|(key, value)| write!(formatter, ", {key} {value}"))
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text. IAM's `?` is not supported, because no key needs
/// it.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    rest.is_empty()
        || (0..=text.len())
            .filter_map(|at| text.get(at..))
            .any(|text| is_like(rest, text))
}

/// The roles of the functions, by function name, with the used grants.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    roles: BTreeMap<String, Role>,
    used: Mutex<BTreeMap<String, BTreeSet<Grant>>>,
}

impl Roles {
    /// The roles of a template.
    pub(crate) fn of(template: &Template) -> Self {
        let functions = template.functions.iter();
        Self {
            roles: functions
                .map(|(name, function)| (name.clone(), function.role.clone()))
                .collect(),
            used: Mutex::default(),
        }
    }

    /// Whether `caller` may do this. A caller that is not a function is the developer, who may do everything.
    pub(crate) fn allow(&self, caller: &str, access: &Access<'_>) -> bool {
        let Some(role) = self.roles.get(caller) else {
            return true;
        };
        let Some(grants) = role.allows(access) else {
            return false;
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.entry(caller.to_owned()).or_default().extend(grants);
        true
    }

    /// Whether `caller` is a function.
    pub(crate) fn has(&self, caller: &str) -> bool {
        self.roles.contains_key(caller)
    }

    /// The grants that `function` has used so far.
    pub(crate) fn used(&self, function: &str) -> BTreeSet<Grant> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(function).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role() -> Role {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let condition = |operator, key: &str, values: &[&str]| Condition {
            operator,
            key: key.to_owned(),
            values: list(values),
        };
        let statement = |actions: &[&str], resource: &str, conditions| Statement {
            actions: list(actions),
            resources: list(&[resource]),
            conditions,
        };
        let keys = condition(Operator::ForAllValuesStringLike, "keys", &["a#*", "b"]);
        let kind = condition(Operator::StringEquals, "kind", &["RAW"]);
        Role {
            logical_id: "Role".to_owned(),
            statements: vec![
                statement(&["s:Get", "s:Put"], "Table", vec![keys]),
                statement(&["k:Sign"], "Key", vec![kind]),
                statement(&["x:Trace"], "*", vec![]),
            ],
        }
    }

    fn allowed(action: &str, resource: &str, context: &[(&str, &str)]) -> Option<Vec<String>> {
        let access = Access {
            action,
            resource,
            context,
        };
        let grants = role().allows(&access)?;
        Some(grants.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_allowed_access_returns_the_matching_grants() {
        assert_eq!(
            allowed("s:Get", "Table", &[("keys", "a#1")]).unwrap(),
            ["s:Get on Table, keys a#*"]
        );
        assert_eq!(
            allowed("s:Put", "Table", &[("keys", "b"), ("keys", "a#")]).unwrap(),
            ["s:Put on Table, keys a#*", "s:Put on Table, keys b"]
        );
        assert_eq!(
            allowed("k:Sign", "Key", &[("kind", "RAW"), ("more", "1")]).unwrap(),
            ["k:Sign on Key, kind RAW"]
        );
        assert_eq!(allowed("x:Trace", "*", &[]).unwrap(), ["x:Trace on *"]);
    }

    #[test]
    fn another_action_resource_or_value_is_not_allowed() {
        for (action, resource, context) in [
            ("s:Delete", "Table", &[("keys", "b")][..]),
            ("s:get", "Table", &[("keys", "b")]),
            ("s:Get", "Key", &[("keys", "b")]),
            ("s:Get", "Table", &[("keys", "c")]),
            ("s:Get", "Table", &[("keys", "a#1"), ("keys", "c")]),
            ("s:Get", "Table", &[("keys", "b2")]),
            ("s:Get", "Table", &[("keys", "xa#")]),
            ("k:Sign", "Key", &[("kind", "DIGEST")]),
            ("k:Sign", "Key", &[]),
            ("x:Trace", "Table", &[]),
        ] {
            assert_eq!(
                allowed(action, resource, context),
                None,
                "{action} on {resource}, {context:?}"
            );
        }
    }

    #[test]
    fn every_pair_of_action_and_value_is_a_grant() {
        let grants: Vec<_> = role().grants().iter().map(ToString::to_string).collect();
        assert_eq!(
            grants,
            [
                "k:Sign on Key, kind RAW",
                "s:Get on Table, keys a#*",
                "s:Get on Table, keys b",
                "s:Put on Table, keys a#*",
                "s:Put on Table, keys b",
                "x:Trace on *",
            ]
        );
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("a", "a"),
            ("a*", "a"),
            ("a*", "abc"),
            ("*", ""),
            ("*c", "abc"),
            ("a*b*c", "a1b2c"),
            ("*é", "né"),
        ] {
            assert!(is_like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*", "ba"), ("*c", "cb"), ("a*b*c", "acb"), ("a*a", "a")] {
            assert!(!is_like(pattern, text), "{pattern} {text}");
        }
    }
}
