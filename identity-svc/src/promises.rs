//! Delivering what the outbox holds, and the shapes of what we promise.

use std::pin::Pin;

use async_nats::jetstream;
use auth_types::{Email, SessionId, UserId};
use contract::{
    Call,
    mail::{self, Mail, Receipt, Template},
    mfa::{DeleteUser, ForgetDevices, ForgetReason, RemoveFactors},
    session::{RevokeReason, RevokeUser, UserChanged},
    user::UserSnapshot,
};
use service_kit::{
    Error, Fault, Kit, While,
    delivery::{OwnPromise, hand_over_mail, keep, mail_queue, unknown_subject},
    outbox::{self, Delivery, Promise},
};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::{app::App, mail_requests, model::mail_request::MailRequest};

/// Promises a mail to this user.
pub async fn mail(
    db: impl PgExecutor<'_>,
    to: &UserSnapshot,
    template: Template,
) -> Result<(), Fault> {
    mail_to(db, &to.user.email, template).await
}

/// Promises a mail to an address that is not, or no longer, the user's.
pub async fn mail_to(db: impl PgExecutor<'_>, to: &Email, template: Template) -> Result<(), Fault> {
    let id = Uuid::now_v7();
    let receipt_subject = Receipt::SUBJECT.to_owned();
    let mail = Mail { id, to: to.to_string(), receipt_subject, template };
    outbox::promise(db, id, mail::SUBJECT, &mail).await
}

/// Something that a call to session-svc makes true.
pub struct SessionPromise<C>(OwnPromise<C>);

impl SessionPromise<UserChanged> {
    /// Every session is to show what the user is now.
    pub async fn user_changed(db: impl PgExecutor<'_>, user: UserSnapshot) -> Result<Self, Fault> {
        Self::make(db, UserChanged { user }).await
    }
}

impl SessionPromise<RevokeUser> {
    /// Every session of the user is to end, and no browser of theirs is trusted.
    pub async fn revoke_user(
        tx: &mut PgConnection,
        user: UserSnapshot,
        reason: RevokeReason,
    ) -> Result<Self, Fault> {
        forget_factors(&mut *tx, &user, reason).await?;
        Self::make(tx, RevokeUser { user, reason, keep: None }).await
    }

    /// Every session of the user is to end but the one in which they have just
    /// proved who they are.
    pub async fn revoke_others(
        tx: &mut PgConnection,
        user: UserSnapshot,
        reason: RevokeReason,
        kept: SessionId,
    ) -> Result<Self, Fault> {
        forget_factors(&mut *tx, &user, reason).await?;
        Self::make(tx, RevokeUser { user, reason, keep: Some(kept) }).await
    }
}

impl<C: Call<Reply = ()>> SessionPromise<C> {
    async fn make(db: impl PgExecutor<'_>, call: C) -> Result<Self, Fault> {
        Ok(Self(OwnPromise::make(db, Uuid::now_v7(), call).await?))
    }

    /// Tries at once, after the commit. If it fails, the outbox goes on trying, and
    /// the caller is told that it is not done yet.
    pub async fn keep(self, app: &App) -> Result<(), Fault> {
        self.0.keep(&app.db, &app.bus, &app.bell).await
    }
}

/// Whether session-svc is still to be told something about this user. Whoever finds a
/// change made already does not know whether the sessions show it.
pub async fn are_sessions_owed(db: impl PgExecutor<'_>, user: &UserId) -> Result<bool, Fault> {
    let owed = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM outbox \
          WHERE subject IN ($1, $2) AND payload #>> '{user,user,id}' = $3)",
    );
    let owed = owed.bind(UserChanged::SUBJECT).bind(RevokeUser::SUBJECT).bind(user);
    owed.fetch_one(db).await.doing("looking for promises about sessions")
}

/// What ends sessions also ends what spares a browser the second factor. It is not
/// waited for: until mfa-svc knows, nothing is to be had of it without the new password.
async fn forget_factors(
    db: impl PgExecutor<'_>,
    user: &UserSnapshot,
    reason: RevokeReason,
) -> Result<(), Fault> {
    let (id, user_id) = (Uuid::now_v7(), user.user.id.clone());
    match reason {
        RevokeReason::SecondFactorChanged => Ok(()), // mfa-svc itself said so
        RevokeReason::UserDeleted | RevokeReason::UserRemoved | RevokeReason::MailboxProved => {
            outbox::promise(db, id, DeleteUser::SUBJECT, &DeleteUser { user_id }).await
        }
        RevokeReason::SecondFactorRemoved => {
            outbox::promise(db, id, RemoveFactors::SUBJECT, &RemoveFactors { user_id }).await
        }
        RevokeReason::PasswordReset | RevokeReason::PasswordChanged | RevokeReason::PasswordSet => {
            let forget = ForgetDevices { user_id, reason: ForgetReason::NewPassword };
            outbox::promise(db, id, ForgetDevices::SUBJECT, &forget).await
        }
        RevokeReason::Banned => {
            let forget = ForgetDevices { user_id, reason: ForgetReason::Banned };
            outbox::promise(db, id, ForgetDevices::SUBJECT, &forget).await
        }
    }
}

/// Delivers promises until the service stops, and takes receipts for mails.
pub fn start(app: &App, kit: &mut Kit) {
    let queue = mail_queue(&app.bus);
    let owner = app.clone();
    outbox::start(app.db.clone(), app.bell.clone(), kit, move |promise| {
        deliver(owner.clone(), queue.clone(), promise)
    });
    let db = app.db.clone();
    app.bus.serve(kit, move |receipt| close(db.clone(), receipt));
}

fn deliver(
    app: App,
    queue: jetstream::Context,
    promise: Promise,
) -> Pin<Box<dyn Future<Output = Result<Delivery, Fault>> + Send>> {
    Box::pin(async move {
        match promise.subject.as_str() {
            mail::SUBJECT => hand_over_mail(&queue, promise).await,
            MailRequest::SUBJECT => mail_requests::fulfil(app, promise).await,
            UserChanged::SUBJECT => keep::<UserChanged>(&app.bus, promise).await,
            RevokeUser::SUBJECT => keep::<RevokeUser>(&app.bus, promise).await,
            ForgetDevices::SUBJECT => keep::<ForgetDevices>(&app.bus, promise).await,
            DeleteUser::SUBJECT => keep::<DeleteUser>(&app.bus, promise).await,
            RemoveFactors::SUBJECT => keep::<RemoveFactors>(&app.bus, promise).await,
            _ => unknown_subject(),
        }
    })
}

async fn close(db: PgPool, receipt: Receipt) -> Result<(), Error> {
    tracing::info!(outbox.id = %receipt.id, outcome = ?receipt.outcome, "a mail was settled");
    Ok(outbox::close(&db, receipt.id).await?)
}
