//! Users listed with search, filter, sort and paging; and what strangers write into
//! each of them.

use e2e::{Browser, Stores, User, admin, expect_user, fresh_email, shared, text};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

async fn list(admin: &mut User, query: &str) -> Value {
    admin.looks_up("list-users", query).await.expect(200).json()
}

/// The names of the listed users, in their order.
fn names(listed: &Value) -> Vec<&str> {
    let users = listed["users"].as_array().expect("a list");
    users.iter().map(|user| text(&user["name"])).collect()
}

/// An admin, and three users whose addresses share a word that no other has.
async fn a_family() -> (User, String) {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    let word = fresh_email().split_once('@').expect("an address").0.replace("user-", "w");
    for (name, extra) in [
        ("Cleo", json!({ "role": "subuser" })),
        ("Ann", json!({ "data": { "emailVerified": true } })),
        ("Bob", json!({ "data": { "banned": true, "banExpires": "2099-01-01T00:00:00.000Z" } })),
    ] {
        let mut body = json!({ "email": format!("{name}.{word}@example.com"), "name": name });
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("fields").clone());
        admin.asks_admin("create-user", body).await.expect(200);
    }
    (admin, word)
}

#[tokio::test]
async fn users_are_searched() {
    let (mut admin, word) = a_family().await;
    let listed = list(&mut admin, &format!("searchValue={word}")).await;
    assert_eq!(names(&listed), ["Cleo", "Ann", "Bob"], "in the order they came");
    assert_eq!(listed["total"], 3);
    assert_eq!((&listed["limit"], &listed["offset"]), (&Value::Null, &Value::Null));
    listed["users"].as_array().expect("a list").iter().for_each(expect_user);
    for (query, expected) in [
        (format!("searchValue=ANN.{}", word.to_uppercase()), &["Ann"][..]),
        (format!("searchValue=ann.{word}&searchOperator=starts_with"), &["Ann"]),
        (format!("searchValue={word}&searchOperator=starts_with"), &[]),
        (
            format!("searchValue={word}@example.com&searchOperator=ends_with"),
            &["Cleo", "Ann", "Bob"],
        ),
        (format!("searchValue=%25{word}"), &[]),
        (format!("searchValue=an_.{word}"), &[]),
    ] {
        assert_eq!(names(&list(&mut admin, &query).await), expected, "{query}");
    }
    let by_name =
        format!("searchField=name&searchValue=nn&filterOperator=contains&filterValue={word}");
    assert_eq!(names(&list(&mut admin, &by_name).await), ["Ann"]);
    let everybody = list(&mut admin, "searchValue=").await;
    assert!(everybody["total"].as_u64().expect("a number") > 3);
}

#[tokio::test]
async fn users_are_filtered() {
    let (mut admin, word) = a_family().await;
    let address = |name: &str| format!("{name}.{word}@example.com");
    for (query, expected) in [
        (format!("filterValue={}", address("ann")), &["Ann"][..]),
        ("filterField=banned&filterValue=true".to_owned(), &["Bob"]),
        ("filterField=banned&filterValue=false".to_owned(), &["Cleo", "Ann"]),
        (
            "filterField=emailVerified&filterValue=true&filterOperator=ne".to_owned(),
            &["Cleo", "Bob"],
        ),
        ("filterField=role&filterValue=subuser".to_owned(), &["Cleo"]),
        ("filterField=role&filterValue=user&filterOperator=in".to_owned(), &["Ann", "Bob"]),
        (
            "filterField=name&filterValue=Ann&filterValue=Bob&filterOperator=in".to_owned(),
            &["Ann", "Bob"],
        ),
        (
            "filterField=name&filterValue=Ann&filterValue=Bob&filterOperator=not_in".to_owned(),
            &["Cleo"],
        ),
        ("filterField=name&filterValue=B&filterOperator=starts_with".to_owned(), &["Bob"]),
        ("filterField=name&filterValue=Bob&filterOperator=gte".to_owned(), &["Cleo", "Bob"]),
        ("filterField=name&filterValue=Bob&filterOperator=lt".to_owned(), &["Ann"]),
        (
            "filterField=banExpires&filterValue=2098-01-01T00:00:00Z&filterOperator=gt".to_owned(),
            &["Bob"],
        ),
        (
            "filterField=createdAt&filterValue=2001-01-01T00:00:00.000Z&filterOperator=lte"
                .to_owned(),
            &[],
        ),
        ("filterField=image&filterValue=x".to_owned(), &[]),
        ("filterField=banned".to_owned(), &["Cleo", "Ann", "Bob"]),
    ] {
        let listed = list(&mut admin, &format!("searchValue={word}&{query}")).await;
        assert_eq!(names(&listed), expected, "{query}");
        assert_eq!(listed["total"], expected.len(), "{query}");
    }
}

#[tokio::test]
async fn users_are_sorted_and_paged() {
    let (mut admin, word) = a_family().await;
    let family = format!("searchValue={word}");
    for (query, expected) in [
        ("sortBy=name", &["Ann", "Bob", "Cleo"][..]),
        ("sortBy=name&sortDirection=desc", &["Cleo", "Bob", "Ann"]),
        ("sortBy=createdAt&sortDirection=desc", &["Bob", "Ann", "Cleo"]),
        ("sortBy=banned&sortDirection=desc", &["Bob", "Cleo", "Ann"]),
        ("sortBy=", &["Cleo", "Ann", "Bob"]),
        ("sortBy=name&limit=2", &["Ann", "Bob"]),
        ("sortBy=name&limit=2&offset=2", &["Cleo"]),
        ("sortBy=name&limit=2&offset=20", &[]),
    ] {
        let listed = list(&mut admin, &format!("{family}&{query}")).await;
        assert_eq!(names(&listed), expected, "{query}");
        assert_eq!(listed["total"], 3, "{query}");
    }
    for (query, limit, offset) in [
        ("limit=2&offset=1", json!(2), json!(1)),
        ("limit=0&offset=0", Value::Null, Value::Null),
        ("limit=&offset=x", Value::Null, Value::Null),
        ("limit=1e2&offset=%201%20", json!(100), json!(1)),
        ("limit=1000000", json!(1000), Value::Null),
        ("offset=9007199254740991", Value::Null, json!(9_007_199_254_740_991_i64)),
    ] {
        let listed = list(&mut admin, &format!("{family}&{query}")).await;
        assert_eq!((&listed["limit"], &listed["offset"]), (&limit, &offset), "{query}");
    }
}

#[tokio::test]
async fn what_can_not_be_asked_is_refused_by_name() {
    let mut admin = admin(&shared().await).await;
    let columns = "\"id\"|\"name\"|\"email\"|\"emailVerified\"|\"image\"|\"createdAt\"|\"updatedAt\"|\"role\"|\
                   \"banned\"|\"banReason\"|\"banExpires\"|\"twoFactorEnabled\"";
    let option = |field: &str, words: &str| {
        format!("[query.{field}] Invalid option: expected one of {words}")
    };
    let whole = |field: &str| {
        format!("[query.{field}] Invalid input: expected a whole number that is not negative")
    };
    let operators = "\"eq\"|\"ne\"|\"lt\"|\"lte\"|\"gt\"|\"gte\"|\"in\"|\"not_in\"|\"contains\"|\"starts_with\"|\"ends_with\"";
    for (query, message) in [
        ("searchField=id", option("searchField", "\"email\"|\"name\"")),
        (
            "searchOperator=like",
            option("searchOperator", "\"contains\"|\"starts_with\"|\"ends_with\""),
        ),
        ("sortDirection=up", option("sortDirection", "\"asc\"|\"desc\"")),
        ("filterOperator=regex", option("filterOperator", operators)),
        ("filterOperator=", option("filterOperator", operators)),
        ("sortBy=password", option("sortBy", columns)),
        ("sortBy=version", option("sortBy", columns)),
        ("sortBy=email_verified", option("sortBy", columns)),
        ("filterField=password&filterValue=x", option("filterField", columns)),
        ("sortBy=name&sortBy=id", option("sortBy", columns)),
        ("limit=-1", whole("limit")),
        ("limit=1.5", whole("limit")),
        ("offset=-1", whole("offset")),
        ("offset=1e300", whole("offset")),
        (
            "limit=1&limit=2",
            "[query.limit] Invalid input: expected string, received array".to_owned(),
        ),
        ("filterField=banned&filterValue=1", option("filterValue", "\"true\"|\"false\"")),
        (
            "filterValue=a&filterValue=b",
            "[query.filterValue] Invalid input: expected string, received array".to_owned(),
        ),
    ] {
        let answer = admin.looks_up("list-users", query).await.expect_code(400, "VALIDATION_ERROR");
        assert_eq!(answer.json()["message"], message, "{query}");
    }
}

/// SQL, patterns, encodings and sizes that have broken such lists elsewhere.
const INJECTIONS: [&str; 22] = [
    "'",
    "\"",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "x'; DROP TABLE identity.user; --",
    "1; SELECT pg_sleep(5)",
    "(SELECT password FROM identity.account LIMIT 1)",
    "name; --",
    "name) UNION SELECT password FROM identity.account --",
    "email DESC, (SELECT 1)",
    "\\",
    "%",
    "_",
    "$1",
    "{}",
    "[object Object]",
    "\u{0}",
    "\u{fffd}\u{202e}é",
    "-9223372036854775808",
    "NaN",
    "Infinity",
    "0x10",
];

const PARAMETERS: [&str; 10] = [
    "searchValue",
    "searchField",
    "searchOperator",
    "limit",
    "offset",
    "sortBy",
    "sortDirection",
    "filterField",
    "filterValue",
    "filterOperator",
];

#[tokio::test]
async fn nothing_that_is_written_into_a_parameter_gets_into_a_statement() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    let secret: String = {
        let db = Stores::open(&urls).await.db;
        let hash = sqlx::query_scalar("SELECT password FROM identity.account WHERE user_id = $1");
        hash.bind(&admin.id).fetch_one(&db).await.expect("a hash")
    };
    for parameter in PARAMETERS {
        for value in INJECTIONS {
            for rest in [
                "",
                "&searchValue=x&filterValue=x&sortBy=name",
                "&filterOperator=in&filterField=role",
            ] {
                let query = format!("{parameter}={}{rest}", encoded(value));
                let answer = admin.looks_up("list-users", &query).await;
                assert!(matches!(answer.status, 200 | 400), "{query}: {answer:?}");
                assert!(!answer.body.contains(&secret) && !answer.body.contains("$2b$"), "{query}");
            }
        }
        for raw in ["%ff%fe", "%", "a%00b", &*"x".repeat(4000), "a&x=%27"] {
            let answer = admin.looks_up("list-users", &format!("{parameter}={raw}")).await;
            assert!(matches!(answer.status, 200 | 400), "{parameter}={raw}: {answer:?}");
        }
        let twice = format!("{parameter}=a&{parameter}=b");
        let answer = admin.looks_up("list-users", &twice).await;
        assert!(matches!(answer.status, 200 | 400), "{twice}: {answer:?}");
    }
    let mut user = Browser::new(&urls).sign_up().await;
    assert!(user.browser.is_signed_in().await, "the table is still there");
}
