use contract::session::Lifetime;

use crate::world::World;

/// As after a rollback: what a later release did to the schema does not keep us from
/// starting.
#[tokio::test]
async fn a_migration_of_a_later_release_is_let_be() {
    let world = World::new().await;
    sqlx::query(
        "INSERT INTO session._sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of a later release', true, ''::bytea, 0)",
    )
    .execute(&world.app.db)
    .await
    .expect("noted");
    sqlx::query("ALTER TABLE session.session ADD COLUMN of_a_later_release text DEFAULT 'x'")
        .execute(&world.app.db)
        .await
        .expect("expanded");

    let world = world.start_again().await;
    world.open(&world.user(), Lifetime::Standard).await.expect("a session");
}
