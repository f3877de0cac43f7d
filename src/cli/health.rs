//! `bluestage health`: asks a worker how it is. For a container's health check: nothing else need be in its image.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::{Exit, Trouble};
use crate::clock::{Clock, SystemClock};
use crate::health;

/// How long the worker may take to answer: it only looks at what it knows.
const PATIENCE: Duration = Duration::from_secs(5);

/// The flags of `bluestage health`.
#[derive(Args)]
pub(super) struct HealthFlags {
    /// Where the worker tells how it is; a port alone is one of 127.0.0.1
    #[arg(long, alias = "health-address", env = "BLUESTAGE_HEALTH_ADDRESS", value_name = "ADDRESS:PORT", value_parser = address)]
    address: SocketAddr,
    /// Ask whether it is ready for jobs, and not whether it is of use at all
    #[arg(long)]
    ready: bool,
}

/// Prints what the worker says.
pub(super) async fn run(flags: HealthFlags) -> Result<Exit, Trouble> {
    let path = if flags.ready { "/readyz" } else { "/healthz" };
    let clock = SystemClock::start();
    let (fine, said) = tokio::select! {
        asked = health::ask(flags.address, path) => asked?,
        () = clock.sleep(PATIENCE) => {
            return Err(format!("{} has not answered in {} s", flags.address, PATIENCE.as_secs()).into());
        }
    };
    writeln!(std::io::stdout().lock(), "{said}")?;
    Ok(if fine { Exit::Fine } else { Exit::Trouble })
}

/// Reads an address with a port, or a port alone: that is then one that only this machine reaches.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| format!("\"{text}\" is neither a port nor ADDRESS:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_that_only_this_machine_reaches() {
        assert_eq!(address("8086"), Ok("127.0.0.1:8086".parse().unwrap()));
        assert_eq!(address("0.0.0.0:8086"), Ok("0.0.0.0:8086".parse().unwrap()));
        assert_eq!(address("[::1]:8086"), Ok("[::1]:8086".parse().unwrap()));
        for wrong in ["", "localhost", "65536", "127.0.0.1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
