//! The two ends of the line: a namespace each, with one device in it.

use std::process::{Command, Stdio};

use tun::{Configuration, Device};

use super::WireError;

/// The namespaces, which go when this does.
pub(super) struct Ends([String; 2]);

impl Ends {
    /// Makes the namespaces `NAME-a` and `NAME-b` with a device in each, up and with its address.
    pub(super) fn make(name: &str, addresses: [&String; 2]) -> Result<(Self, [Device; 2]), WireError> {
        let ends = Self([format!("{name}-a"), format!("{name}-b")]);
        let device = |space: &String, address: &String| -> Result<Device, WireError> {
            ip(&["netns", "add", space])?;
            // A descriptor keeps its device wherever that goes.
            let device = tun::create(Configuration::default().tun_name(space))?;
            ip(&["link", "set", "dev", space, "netns", space])?;
            let within = |arguments: &[&str]| ip(&[&["-n", space], arguments].concat());
            within(&["link", "set", "dev", "lo", "up"])?;
            // One address each, so that it is known which way a packet takes.
            within(&["link", "set", "dev", space, "addrgenmode", "none"])?;
            within(&["address", "add", address, "dev", space])?;
            within(&["link", "set", "dev", space, "up"])?;
            // A browser looks for its own address by a route to anywhere.
            within(&["route", "add", "default", "dev", space])?;
            Ok(device)
        };
        let devices = [device(&ends.0[0], addresses[0])?, device(&ends.0[1], addresses[1])?];
        Ok((ends, devices))
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        for space in &self.0 {
            // One that was never made is not there to be taken away.
            _ = Command::new("ip").args(["netns", "delete", space]).stderr(Stdio::null()).status();
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), WireError> {
    let status = Command::new("ip").args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(WireError::Ip(arguments.join(" "))) }
}
