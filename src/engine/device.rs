//! Microphones and loudspeakers as the page shows them: what was asked for, what the device gave, and a cure for every
//! fault in plain words.

pub mod openings;

use serde::{Deserialize, Serialize};

/// What the browser can do. Known only after hydration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Support {
    /// Not looked yet.
    #[default]
    Unknown,
    Full,
    /// No `RTCPeerConnection`.
    NoWebRtc,
    /// No `mediaDevices.getUserMedia`.
    NoMicrophone,
    /// The page came over plain http from another machine: browsers hide the microphone there.
    Insecure,
}

/// An input or output device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub id: String,
    pub label: String,
    /// Devices of one piece of hardware have the same.
    pub group: String,
}

/// The id under which browsers list the device that the system would take.
pub const SYSTEM_CHOICE: &str = "default";

/// The device that the system takes where nobody chose one. Somebody may change that in the middle of a call.
#[derive(Clone, Debug, Default)]
pub struct SystemChoice(Option<Device>);

impl SystemChoice {
    /// Looks at the devices there are. Returns whether the system takes another one than at the last look. A browser that
    /// does not list its choice never says so.
    pub fn look(&mut self, devices: &[Device]) -> bool {
        let Some(now) = devices.iter().find(|it| it.id == SYSTEM_CHOICE) else { return false };
        self.0.replace(now.clone()).is_some_and(|before| before != *now)
    }
}

/// The microphone in the lobby.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mic {
    #[default]
    Off,
    /// The browser's own prompt is up.
    Asking,
    On(MicGiven),
    Failed(MicFault),
}

/// What the device really gave; 24 kHz mono was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MicGiven {
    pub label: String,
    pub sample_rate_hz: Option<u32>,
    pub channels: Option<u32>,
    pub echo_cancellation: Option<bool>,
    pub noise_suppression: Option<bool>,
}

/// Why there is no microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicFault {
    /// `NotAllowedError`
    Blocked,
    /// `NotFoundError`, `OverconstrainedError`
    Missing,
    /// `NotReadableError`, `AbortError`
    Busy,
    /// No `mediaDevices` on an insecure page.
    Insecure,
    Other,
}

impl MicFault {
    /// What happened, in one sentence.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Blocked => "The browser does not let this page use the microphone.",
            Self::Missing => "No microphone was found.",
            Self::Busy => "Another program is using the microphone.",
            Self::Insecure => "Browsers give a microphone only to secure pages.",
            Self::Other => "The microphone could not be opened.",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        match self {
            Self::Blocked => {
                "Select the icon beside the page's address, allow the microphone, then choose \"Try again\"."
            }
            Self::Missing => "Plug one in or switch your headset on, then choose \"Try again\".",
            Self::Busy => "Close other calls and recorders, then choose \"Try again\".",
            Self::Insecure => "Open this page with https, or on the computer that runs it as http://localhost.",
            Self::Other => "Unplug it, plug it in again, then choose \"Try again\".",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_choice_of_the_system_is_noticed_once() {
        let device = |id: &str, label: &str, group: &str| Device {
            id: id.to_owned(),
            label: label.to_owned(),
            group: group.to_owned(),
        };
        let (array, headset) = (device("a1", "Array", "g1"), device("b2", "Headset", "g2"));
        let default = |label, group| device(SYSTEM_CHOICE, label, group);
        let mut choice = SystemChoice::default();
        for (devices, other) in [
            // Without permission nothing is listed.
            (vec![], false),
            (vec![default("Default - Array", "g1"), array.clone()], false),
            (vec![default("Default - Array", "g1"), array.clone(), headset.clone()], false),
            (vec![default("Default - Headset", "g2"), array.clone(), headset.clone()], true),
            (vec![array.clone(), default("Default - Headset", "g2"), headset.clone()], false),
            (vec![array.clone(), headset], false),
            (vec![default("Default - Headset", "g3"), array], true),
        ] {
            assert_eq!(choice.look(&devices), other, "{devices:?}");
        }
    }
}
