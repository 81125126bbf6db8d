//! Table `identity.user`, searched by an admin.
//!
//! Column names come from a table of ours; whatever a client wrote is bound, never
//! put into the text of a statement.

use contract::user::{User, UserSnapshot};
use service_kit::{Fault, While};
use sqlx::{PgPool, Postgres, QueryBuilder};

use crate::{
    model::user_query::{Comparison, Condition, Direction, Operand, UserQuery},
    store::users::{Row, columns},
};

type Query = QueryBuilder<Postgres>;

/// The page that was asked for.
pub async fn find(db: &PgPool, asked: &UserQuery) -> Result<Vec<User>, Fault> {
    let mut query = Query::new(concat!("SELECT ", columns!(), " FROM identity.user"));
    push_conditions(&mut query, &asked.conditions);
    query.push(" ORDER BY ");
    if let Some((column, direction)) = asked.sort {
        query.push(column.sql);
        query.push(match direction {
            Direction::Ascending => ", ",
            Direction::Descending => " DESC, ",
        });
    }
    // Without a last word on the order, pages could overlap.
    query.push("created_at, id LIMIT ").push_bind(asked.limit);
    query.push(" OFFSET ").push_bind(asked.offset);
    let rows: Vec<Row> = query.build_query_as().fetch_all(db).await.doing("listing users")?;
    Ok(rows.into_iter().map(|row| UserSnapshot::from(row).user).collect())
}

/// How many users there are on all pages together.
pub async fn count(db: &PgPool, asked: &UserQuery) -> Result<i64, Fault> {
    let mut query = Query::new("SELECT count(*) FROM identity.user");
    push_conditions(&mut query, &asked.conditions);
    query.build_query_scalar().fetch_one(db).await.doing("counting listed users")
}

fn push_conditions(query: &mut Query, conditions: &[Condition]) {
    for (at, condition) in conditions.iter().enumerate() {
        query.push(if at == 0 { " WHERE " } else { " AND " });
        push_condition(query, condition);
    }
}

fn push_condition(query: &mut Query, condition: &Condition) {
    match condition {
        Condition::Compare(column, comparison, operand) => {
            query.push(column.sql).push(sign(*comparison));
            push_operand(query, operand);
        }
        Condition::Among(column, operands) => {
            query.push(column.sql).push(" IN (");
            push_operands(query, operands);
        }
        Condition::NotAmong(column, operands) => {
            query.push(column.sql).push(" NOT IN (");
            push_operands(query, operands);
        }
        Condition::Like(column, pattern) => {
            query.push(column.sql).push(" LIKE ").push_bind(pattern.clone());
        }
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
    }
}

fn push_operands(query: &mut Query, operands: &[Operand]) {
    for (at, operand) in operands.iter().enumerate() {
        if at > 0 {
            query.push(", ");
        }
        push_operand(query, operand);
    }
    query.push(")");
}

fn push_operand(query: &mut Query, operand: &Operand) {
    match operand {
        Operand::Text(text) => query.push_bind(text.clone()),
        Operand::Bool(value) => query.push_bind(*value),
        Operand::Instant(instant) => query.push_bind(*instant),
    };
}
