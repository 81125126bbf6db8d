//! The clock of a real Postgres, and one that is off (MF5).

use std::time::Duration;

use service_kit::clock_watch::measure;
use sqlx::PgPool;
use testkit::{ManualClock, Stores};

#[tokio::test]
async fn a_clock_that_is_off_is_noticed() {
    let stores = Stores::start().await;
    let db = PgPool::connect(&stores.stack.urls().database_url).await.expect("Postgres");
    let honest = measure(&db, &auth_types::SystemClock).await.expect("measured");
    assert!(!honest.is_alarming(), "{honest:?}");
    let clock = ManualClock::at_present();
    clock.advance(Duration::from_hours(1));
    let ahead = measure(&db, &clock).await.expect("measured");
    assert!(ahead.is_alarming() && ahead.seconds > 3000.0, "{ahead:?}");
}
