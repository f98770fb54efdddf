//! IAM's part: what the role of a function lets it do. Each function signs its requests with credentials that name it, so the
//! tables know who asks, and a permission that the template forgot is missing here as it would be on AWS. What was asked for
//! is kept, too: a permission that nobody ever needed shows in the tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::Template;

/// An `AWS::IAM::Role`, as far as it says what is allowed. The default is that of a function without one: nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name in the template, e.g. `CreateChatRole`.
    pub logical_id: String,
    /// Its statements, all of which allow.
    pub statements: Vec<Statement>,
}

/// One statement of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Single actions, e.g. `dynamodb:GetItem`.
    pub actions: Vec<String>,
    /// A resource whose ARN the template asks for by its logical id, e.g. `ChatsTable`; others as they are written.
    pub resources: Vec<String>,
    /// All of them must be met.
    pub conditions: Vec<Condition>,
}

/// One condition of a statement: the values that a key of a request may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How they are compared.
    pub operator: Operator,
    /// The key, e.g. `dynamodb:LeadingKeys`.
    pub key: String,
    /// The values; one of them has to fit.
    pub values: Vec<String>,
}

/// The operators of conditions that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `StringEquals`: the request has the key, with just this value.
    StringEquals,
    /// `ForAllValues:StringLike`: every value that the request has fits, `*` standing for any text. None fits, too.
    ForAllValuesStringLike,
}

/// What somebody wants to do: one action on one resource.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// E.g. `dynamodb:GetItem`.
    pub action: &'a str,
    /// The logical id of the resource.
    pub resource: &'a str,
    /// The keys for conditions, with their values.
    pub context: &'a [(&'a str, &'a str)],
}

/// The smallest part of what a role allows: one action on one resource, and one value that a condition admits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Key and value.
    pub condition: Option<(String, String)>,
}

impl Role {
    /// Everything that it allows.
    pub fn grants(&self) -> BTreeSet<Grant> {
        let statements = self.statements.iter();
        let grants = statements.flat_map(|statement| {
            let resources = |action| statement.resources.iter().map(move |resource| (action, resource));
            let pairs = statement.actions.iter().flat_map(resources);
            pairs.flat_map(|(action, resource)| statement.admitting(action, resource, |_, _| true))
        });
        grants.collect()
    }

    /// What of it allows `access`; `None` if nothing does.
    pub fn allows(&self, access: &Access<'_>) -> Option<BTreeSet<Grant>> {
        let statement = self.statements.iter().find(|statement| statement.allows(access))?;
        let fits = |condition: &Condition, value: &str| {
            let mut values = access.values(&condition.key);
            values.any(|asked| condition.operator.fits(value, asked))
        };
        Some(statement.admitting(access.action, access.resource, fits).collect())
    }
}

impl Statement {
    fn allows(&self, access: &Access<'_>) -> bool {
        self.actions.iter().any(|action| action == access.action)
            && self.resources.iter().any(|resource| resource == access.resource)
            && self.conditions.iter().all(|condition| condition.is_met(access))
    }

    /// Its grants for one of its actions and resources, with those values of its conditions that are `wanted`.
    fn admitting(
        &self,
        action: &str,
        resource: &str,
        wanted: impl Fn(&Condition, &str) -> bool,
    ) -> impl Iterator<Item = Grant> {
        let values = self.conditions.iter().flat_map(|condition| {
            let values = condition.values.iter().filter(|value| wanted(condition, value));
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
        let is_admitted = |asked| self.values.iter().any(|value| self.operator.fits(value, asked));
        let has_key = access.values(&self.key).next().is_some();
        (has_key || self.operator == Operator::ForAllValuesStringLike) && access.values(&self.key).all(is_admitted)
    }
}

impl Operator {
    fn fits(self, value: &str, asked: &str) -> bool {
        match self {
            Self::StringEquals => value == asked,
            Self::ForAllValuesStringLike => is_like(value, asked),
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

/// Whether `text` fits `pattern`, in which `*` stands for any text. (IAM's `?` is not understood: no key has one.)
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

/// The functions' roles, by the functions' names, and what of them was used.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    roles: BTreeMap<String, Role>,
    used: Mutex<BTreeMap<String, BTreeSet<Grant>>>,
}

impl Roles {
    /// Those of a template.
    pub(crate) fn of(template: &Template) -> Self {
        let functions = template.functions.iter();
        Self {
            roles: functions
                .map(|(name, function)| (name.clone(), function.role.clone()))
                .collect(),
            used: Mutex::default(),
        }
    }

    /// Whether `caller` may do this. Whoever is no function may do everything: that is the developer.
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

    /// What `function` has used of its role so far.
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
    fn what_is_allowed_is_told_by_the_value_that_fits() {
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
