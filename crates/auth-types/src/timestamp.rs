//! Instants as the wire has them: UTC, to the millisecond.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{
    Date, OffsetDateTime, PrimitiveDateTime,
    format_description::{
        BorrowedFormatItem,
        well_known::{Iso8601, Rfc3339},
    },
};

/// `2026-11-23T23:09:28.504Z` (contract 1.4). Clients turn exactly this form into dates.
const FORMAT: &[BorrowedFormatItem<'static>] = time::macros::format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
);

/// An instant, cut to the millisecond when made, so that a value read back from
/// Postgres, Redis or JSON equals the one that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// An instant as clients write it: RFC 3339, with any offset and any fraction; or
    /// a date alone, which is its midnight in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let midnight = || Some(Date::parse(text, &Iso8601::DATE).ok()?.midnight().assume_utc());
        let instant = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(midnight)?;
        let instant = instant.checked_to_offset(time::UtcOffset::UTC)?;
        // Other years have another number of digits, or none that Postgres knows.
        (1..=9999).contains(&instant.year()).then(|| Self::from(instant))
    }

    /// An instant given in seconds since 1970, if it is in a year that clients know.
    #[must_use]
    pub fn of_unix_seconds(seconds: f64) -> Option<Self> {
        /// The end of the year 9999.
        const END: f64 = 253_402_300_800.0;
        let fits = (0.0..END).contains(&seconds);
        fits.then(|| Self::from(OffsetDateTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)))
    }

    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0.unix_timestamp() * 1000 + i64::from(self.0.millisecond())
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0 - earlier.0).unwrap_or_default()
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(instant: OffsetDateTime) -> Self {
        let instant = instant.to_offset(time::UtcOffset::UTC);
        Self(instant.replace_millisecond(instant.millisecond()).unwrap_or(instant))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from(self.0 + duration)
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from(self.0 - duration)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(FORMAT).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant = PrimitiveDateTime::parse(&text, FORMAT).map_err(de::Error::custom)?;
        Ok(Self(instant.assume_utc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clients_may_write_an_instant_in_more_than_one_way() {
        let read = |text| Timestamp::parse(text).map(|instant| instant.to_string());
        assert_eq!(read("2026-11-23T23:09:28.504Z"), Some("2026-11-23T23:09:28.504Z".into()));
        assert_eq!(read("2026-11-24T01:09:28+02:00"), Some("2026-11-23T23:09:28.000Z".into()));
        assert_eq!(read("2026-11-23"), Some("2026-11-23T00:00:00.000Z".into()));
        for text in
            ["", "now", "2026-13-01", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back_is_the_same_instant(nanos in 0_i128..4_000_000_000_000_000_000) {
            let instant = OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("in range");
            let stamp = Timestamp::from(instant);
            let text = serde_json::to_string(&stamp).expect("serialises");
            prop_assert_eq!(text.len(), 26);
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&text).expect("parses"), stamp);
        }
    }
}
