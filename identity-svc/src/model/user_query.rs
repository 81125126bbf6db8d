//! Which users an admin wants to see, in which order (contract 5.3.3).

use auth_types::Timestamp;

/// Users on a page, unless fewer are asked for.
pub const DEFAULT_LIMIT: i64 = 100;
/// Most users on a page.
pub const MAX_LIMIT: i64 = 1000;

/// How a column's values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Bool,
    Instant,
}

/// A column that may be asked for: as clients name it, and as Postgres does. There
/// is no other way for a name to get into a statement.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub sql: &'static str,
    pub kind: Kind,
}

const fn column(name: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column { name, sql, kind }
}

/// Everything a client sees of a user.
pub static COLUMNS: [Column; 12] = [
    column("id", "id", Kind::Text),
    column("name", "name", Kind::Text),
    column("email", "email", Kind::Text),
    column("emailVerified", "email_verified", Kind::Bool),
    column("image", "image", Kind::Text),
    column("createdAt", "created_at", Kind::Instant),
    column("updatedAt", "updated_at", Kind::Instant),
    column("role", "role", Kind::Text),
    column("banned", "banned", Kind::Bool),
    column("banReason", "ban_reason", Kind::Text),
    column("banExpires", "ban_expires", Kind::Instant),
    column("twoFactorEnabled", "two_factor_enabled", Kind::Bool),
];
pub const NAME: &Column = &column("name", "name", Kind::Text);
pub const EMAIL: &Column = &column("email", "email", Kind::Text);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Where in the text a piece of it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Anywhere,
    Start,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Compare(Comparison),
    In,
    NotIn,
    Find(Place),
}

/// What a column is compared with, of the column's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    Text(String),
    Bool(bool),
    Instant(Timestamp),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Compare(&'static Column, Comparison, Operand),
    /// One of several, or none of them. Never empty, and all of one kind.
    Among(&'static Column, Vec<Operand>),
    NotAmong(&'static Column, Vec<Operand>),
    /// Matches a pattern of `LIKE`, as [`pattern`] makes it.
    Like(&'static Column, String),
}

/// All conditions have to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    pub conditions: Vec<Condition>,
    pub sort: Option<(&'static Column, Direction)>,
    pub limit: i64,
    pub offset: i64,
}

/// Why there is no condition for what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// A value is not of the column's kind.
    Value(Kind),
    /// Several values where one is compared.
    Several,
    /// Only text has pieces to be found.
    NoText,
}

impl Column {
    #[must_use]
    pub fn choices() -> Vec<(&'static str, &'static Self)> {
        COLUMNS.iter().map(|column| (column.name, column)).collect()
    }

    fn operand(&self, text: &str) -> Result<Operand, Unfit> {
        let operand = match (self.kind, text) {
            (Kind::Text, text) => Some(Operand::Text(text.to_owned())),
            (Kind::Bool, "true") => Some(Operand::Bool(true)),
            (Kind::Bool, "false") => Some(Operand::Bool(false)),
            (Kind::Bool, _) => None,
            (Kind::Instant, text) => Timestamp::parse(text).map(Operand::Instant),
        };
        operand.ok_or(Unfit::Value(self.kind))
    }

    /// The condition that a filter makes of the values given for this column.
    pub fn condition(
        &'static self,
        operator: Operator,
        values: &[String],
    ) -> Result<Condition, Unfit> {
        let operands =
            values.iter().map(|text| self.operand(text)).collect::<Result<Vec<_>, _>>()?;
        let single = || match operands.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(Unfit::Several),
        };
        match operator {
            Operator::Compare(comparison) => Ok(Condition::Compare(self, comparison, single()?)),
            Operator::In => Ok(Condition::Among(self, operands)),
            Operator::NotIn => Ok(Condition::NotAmong(self, operands)),
            Operator::Find(place) => match single()? {
                Operand::Text(text) => Ok(Condition::Like(self, pattern(&text, place))),
                Operand::Bool(_) | Operand::Instant(_) => Err(Unfit::NoText),
            },
        }
    }
}

/// A pattern of `LIKE` that finds exactly this text: `%` and `_` mean themselves.
#[must_use]
pub fn pattern(text: &str, place: Place) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    match place {
        Place::Anywhere => format!("%{escaped}%"),
        Place::Start => format!("{escaped}%"),
        Place::End => format!("%{escaped}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Column {
        COLUMNS.iter().find(|column| column.name == name).expect("a column")
    }

    fn condition(name: &str, operator: Operator, values: &[&str]) -> Result<Condition, Unfit> {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        named(name).condition(operator, &values)
    }

    const EQUAL: Operator = Operator::Compare(Comparison::Equal);

    #[test]
    fn wildcards_mean_themselves() {
        assert_eq!(pattern(r"50%_\", Place::Start), r"50\%\_\\%");
        assert_eq!(pattern("ann", Place::Anywhere), "%ann%");
    }

    #[test]
    fn values_are_of_the_columns_kind() {
        let banned = Condition::Compare(named("banned"), Comparison::Equal, Operand::Bool(true));
        assert_eq!(condition("banned", EQUAL, &["true"]), Ok(banned));
        assert_eq!(condition("banned", EQUAL, &["1"]), Err(Unfit::Value(Kind::Bool)));
        assert_eq!(condition("createdAt", EQUAL, &["yesterday"]), Err(Unfit::Value(Kind::Instant)));
        assert_eq!(
            condition("banned", Operator::Find(Place::Start), &["true"]),
            Err(Unfit::NoText)
        );
    }

    #[test]
    fn one_value_may_stand_for_a_list_but_no_list_for_a_value() {
        assert!(matches!(condition("role", Operator::In, &["user"]), Ok(Condition::Among(_, _))));
        assert_eq!(condition("role", EQUAL, &["user", "admin"]), Err(Unfit::Several));
    }

    #[test]
    fn the_default_columns_are_in_the_table() {
        assert!(COLUMNS.contains(NAME) && COLUMNS.contains(EMAIL));
    }
}
