use super::*;
use crate::routes_file::{Address, EjectionConfig};

fn address(last: u8) -> SocketAddr {
    ([127, 0, 0, last], 3010).into()
}

async fn upstream(weights: &[usize], failures: u32) -> Arc<Upstream> {
    let mut config = UpstreamConfig::service("panel", "");
    let addresses = weights.iter().zip(1..).map(|(weight, last): (_, u8)| Address {
        host_and_port: address(last).to_string(),
        weight: *weight,
    });
    config.addresses = addresses.collect();
    config.ejection = EjectionConfig { failures, duration: Duration::from_secs(30) };
    let upstream = Upstream::new(config);
    upstream.look_up().await;
    upstream
}

fn chosen(upstream: &Upstream, times: usize) -> Vec<SocketAddr> {
    let now = Instant::now();
    (0..times).map(|_| upstream.choose(&[], now).expect("an address")).collect()
}

#[tokio::test]
async fn addresses_take_turns_by_their_weight() {
    let upstream = upstream(&[1, 3], 5).await;
    let chosen = chosen(&upstream, 400);
    assert_eq!(chosen.iter().filter(|choice| **choice == address(1)).count(), 100);
    assert_eq!(chosen.iter().filter(|choice| **choice == address(2)).count(), 300);
}

#[tokio::test]
async fn an_address_that_was_tried_is_not_tried_again_while_there_are_others() {
    let upstream = upstream(&[1, 1], 5).await;
    let now = Instant::now();
    for _ in 0..10 {
        assert_eq!(upstream.choose(&[address(1)], now), Some(address(2)));
    }
    assert!(upstream.choose(&[address(1), address(2)], now).is_some());
}

#[tokio::test]
async fn who_is_out_is_left_out_unless_all_are() {
    let upstream = upstream(&[1, 1], 1).await;
    upstream.ejections.observe(address(1), Outcome::Failed, Instant::now());
    assert!(chosen(&upstream, 10).iter().all(|choice| *choice == address(2)));
    upstream.ejections.observe(address(2), Outcome::Failed, Instant::now());
    let chosen = chosen(&upstream, 10);
    assert!(chosen.contains(&address(1)) && chosen.contains(&address(2)));
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_takes_nobody_else_along() {
    let mut config = UpstreamConfig::service("panel", "127.0.0.1:3010");
    config.addresses.push(Address { host_and_port: "nowhere.invalid:3010".into(), weight: 1 });
    let upstream = Upstream::new(config);
    assert_eq!(upstream.choose(&[], Instant::now()), None);
    upstream.look_up().await;
    assert_eq!(upstream.choose(&[], Instant::now()), Some(address(1)));
}
