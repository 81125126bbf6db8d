//! Which ports a stack takes.
//!
//! All of them follow from one number, so that two stacks side by side differ
//! in that number only.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixSocketAddr, UnixListener};

use anyhow::{Result, bail, ensure};
use rand::RngExt;

use crate::process::Process;

/// The base itself and the twenty-five above it.
const BLOCK: u16 = 26;
/// Below the range from which the kernel takes the ports of outgoing
/// connections (32768 and up): those could take one of ours in between.
const RANDOM_BASES: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    base: u16,
}

impl Ports {
    pub(crate) fn from_base(base: u16) -> Result<Self> {
        ensure!(
            (1024..=u16::MAX - BLOCK).contains(&base),
            "--port-base must be between 1024 and {}, not {base}",
            u16::MAX - BLOCK
        );
        Ok(Self { base })
    }

    pub(crate) fn base(self) -> u16 {
        self.base
    }

    pub(crate) fn listen(self, process: Process) -> Option<SocketAddr> {
        process.port_offset().map(|offset| self.at(offset))
    }

    pub(crate) fn admin(self, process: Process) -> Option<SocketAddr> {
        process.admin_offset().map(|offset| self.at(offset))
    }

    pub(crate) fn route(self, process: Process) -> Option<SocketAddr> {
        process.route_offset().map(|offset| self.at(offset))
    }

    fn at(self, offset: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base + offset).into()
    }

    /// The first of our ports that somebody else has, and what we wanted it for.
    fn taken(self, processes: &[Process]) -> Option<(u16, Process)> {
        let wanted = processes.iter().flat_map(|&process| {
            let mut ports = vec![self.listen(process), self.admin(process), self.route(process)];
            ports.dedup(); // the panel has one port for both
            ports.into_iter().flatten().map(move |address| (address, process))
        });
        wanted
            .filter(|(address, _)| TcpListener::bind(address).is_err())
            .map(|(address, process)| (address.port(), process))
            .next()
    }

    pub(crate) fn check_free(self, processes: &[Process]) -> Result<()> {
        if let Some((port, process)) = self.taken(processes) {
            bail!(
                "port {port}, wanted for {process}, is in use; stop what uses it or choose other ports with --port-base"
            );
        }
        Ok(())
    }
}

/// Keeps other stacks of this machine off a block of ports for as long as it
/// lives. A free port is only free until the next process looks.
pub(crate) struct Reservation(#[expect(dead_code, reason = "held, not used")] UnixListener);

/// A free block, for tests that run side by side.
pub(crate) fn reserve_random() -> Result<(Ports, Reservation)> {
    let slots = (RANDOM_BASES.end - RANDOM_BASES.start) / BLOCK;
    for _ in 0..ATTEMPTS {
        let base = RANDOM_BASES.start + rand::rng().random_range(0..slots) * BLOCK;
        let ports = Ports { base };
        if let Some(reservation) = reserve(ports)
            && ports.taken(&Process::every().collect::<Vec<_>>()).is_none()
        {
            return Ok((ports, reservation));
        }
    }
    bail!(
        "found no {BLOCK} free ports in a row between {} and {}",
        RANDOM_BASES.start,
        RANDOM_BASES.end
    )
}

/// An abstract socket: its name is unique in the network namespace, exactly as
/// the ports are, and the kernel gives it back when its owner dies.
fn reserve(ports: Ports) -> Option<Reservation> {
    let name = format!("stellar-stack-ports-{}", ports.base);
    let address = UnixSocketAddr::from_abstract_name(name).ok()?;
    UnixListener::bind_addr(&address).ok().map(Reservation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_follow_from_the_base() {
        let ports = Ports::from_base(3000).expect("a good base");
        assert_eq!(ports.listen(Process::Gateway).map(|a| a.port()), Some(3001));
        assert_eq!(ports.admin(Process::Mailer).map(|a| a.port()), Some(3009));
        assert_eq!(ports.listen(Process::Nats).map(|a| a.port()), Some(3013));
        assert_eq!(ports.listen(Process::Mailer), None);
    }

    #[test]
    fn a_base_leaves_room_for_the_block() {
        assert!(Ports::from_base(65_530).is_err());
        assert!(Ports::from_base(80).is_err());
    }

    #[test]
    fn a_taken_port_is_named() {
        let (ports, _reservation) = reserve_random().expect("free ports");
        let held = TcpListener::bind(ports.at(12)).expect("it was free");
        let error = ports.check_free(&Process::ALL).expect_err("one is taken").to_string();
        assert!(error.contains(&held.local_addr().expect("bound").port().to_string()), "{error}");
        assert!(error.contains("redis") && error.contains("--port-base"), "{error}");
    }

    #[test]
    fn a_block_is_reserved_once() {
        let (ports, reservation) = reserve_random().expect("free ports");
        assert!(reserve(ports).is_none());
        drop(reservation);
        assert!(reserve(ports).is_some());
    }
}
