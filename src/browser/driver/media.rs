//! Microphone and sound of one page.

use std::cell::{Cell, RefCell};
use std::rc::Weak;
use std::time::Duration;

use wasm_bindgen_futures::spawn_local;
use web_sys::MediaStream;

use super::super::clock::now;
use super::super::devices;
use super::super::meter::{Meter, Voice};
use super::super::mic::Mic;
use super::super::speaker::Speaker;
use super::super::tone::Tone;
use super::super::wake::Wake;
use super::super::watch::Watch;
use super::recordings::Recordings;
use super::{Event, Inner};
use crate::engine::device::openings::Openings;
use crate::engine::device::{self, MicFault};
use crate::engine::link::Phase;
use crate::engine::protocol::room::PageMessage;
use crate::engine::time::Tick;

/// A sound that is paused twice within this is not meant to be played.
const INSISTENCE: Duration = Duration::from_secs(1);
/// How long a remark stays.
const REMARK: Duration = Duration::from_secs(8);

/// The owners of everything that sounds or listens.
#[derive(Default)]
pub(super) struct Media {
    pub(super) mic: RefCell<Option<Mic>>,
    openings: RefCell<Openings>,
    /// Which microphone the system takes by itself.
    system: RefCell<device::SystemChoice>,
    speaker: RefCell<Option<Speaker>>,
    pub(super) meter: RefCell<Option<Meter>>,
    tone: RefCell<Option<Tone>>,
    wake: RefCell<Option<Wake>>,
    /// The browser lets us be heard.
    pub(super) sound: Cell<bool>,
    /// When somebody else has paused it last.
    paused: Cell<Option<Tick>>,
    pub(super) recordings: Recordings,
}

impl Media {
    /// The level of a voice, RMS of full scale.
    pub(super) fn rms(&self, voice: Voice) -> Option<f32> {
        self.meter.borrow().as_ref()?.rms(voice)
    }

    /// Whether the microphone is the one that the system took. One that has ended is replaced anyway.
    fn follows_system(&self) -> bool {
        let mic = self.mic.borrow();
        mic.as_ref().is_some_and(|mic| mic.is_live() && mic.device_id().as_deref() == Some(device::SYSTEM_CHOICE))
    }

    pub(super) fn resume(&self) {
        if let Some(meter) = self.meter.borrow().as_ref() {
            meter.resume();
        }
    }

    /// Keeps the screen on from here on, where the browser can.
    pub(super) fn stay_awake(&self) {
        if self.wake.borrow().is_none() {
            self.wake.replace(Wake::new().ok());
        }
    }

    /// Nobody is talked to any more: the screen may sleep.
    pub(super) fn rest(&self) {
        drop(self.wake.take());
    }

    /// Nobody is to be heard any more, though the call may still stand.
    pub(super) fn fall_silent(&self) {
        if let Some(speaker) = self.speaker.borrow().as_ref() {
            speaker.set_muted(true);
        }
    }

    /// Nothing will sound any more. The recordings stay.
    pub(super) fn close(&self) {
        drop((self.tone.take(), self.speaker.take(), self.meter.take(), self.wake.take()));
    }

    /// The call is gone: nobody is measured as the interviewer.
    pub(super) fn hear_nobody(&self) {
        self.listen(Voice::Interviewer, None);
    }

    fn listen(&self, voice: Voice, stream: Option<&MediaStream>) {
        if let Some(meter) = self.meter.borrow().as_ref()
            && let Err(error) = meter.listen(voice, stream)
        {
            leptos::logging::warn!("level: {error}");
        }
    }
}

impl Inner {
    /// Makes ready what sounds and measures. While handling a click, or the browser holds it back.
    pub(super) fn prepare_sound(&self) {
        if self.media.meter.borrow().is_none() {
            self.media.meter.replace(Meter::new().ok());
        }
        self.media.resume();
        if self.media.speaker.borrow().is_none() {
            let mut speaker = Speaker::new("remote-audio").ok();
            if let Some(speaker) = &mut speaker {
                let push = self.pusher();
                _ = speaker.watch(move |shown| push(Event::Paused { shown }));
            }
            self.media.speaker.replace(speaker);
            self.route_sound();
        }
    }

    /// Plays the interviewer's stream.
    pub(super) fn hear(&self, stream: &MediaStream) {
        if let Some(speaker) = self.media.speaker.borrow().as_ref() {
            speaker.attach(stream);
        }
        self.media.listen(Voice::Interviewer, Some(stream));
        self.apply_silence();
        self.play();
    }

    pub(super) fn play(&self) {
        let asked = self.media.speaker.borrow().as_ref().map(Speaker::play);
        let Some(asked) = asked else { return };
        let push = self.pusher();
        spawn_local(async move {
            match asked.await {
                Ok(()) => push(Event::Sound(true)),
                Err(error) if error.is_blocked() => push(Event::Sound(false)),
                // Another stream was attached meanwhile, and is asked to play too.
                Err(error) => leptos::logging::warn!("sound: {error}"),
            }
        });
    }

    /// Somebody else has paused the interviewer: plays on. Who pauses again at once wants it so; then the candidate is told, and
    /// it plays when the page is shown again.
    pub(super) fn play_on(&self, shown: bool) {
        let now = now();
        if !shown && self.media.paused.replace(Some(now)).is_some_and(|at| now.since(at) < INSISTENCE) {
            return self.push(Event::Sound(false));
        }
        self.play();
    }

    /// Sends sound and test tone to the chosen output.
    pub(super) fn route_sound(&self) {
        let Some(id) = self.screen.output_id.get_untracked() else { return };
        let speaker = self.media.speaker.borrow().as_ref().map(|it| it.set_output(&id));
        let tone = self.media.tone.borrow().as_ref().map(|it| it.speaker().set_output(&id));
        spawn_local(async move {
            for asked in [speaker, tone].into_iter().flatten() {
                // Without that device, or in a browser that cannot choose, the usual output plays.
                _ = asked.await;
            }
        });
    }

    pub(super) fn toggle_tone(&self) {
        if self.media.tone.borrow().is_some() {
            return self.stop_tone();
        }
        let push = self.pusher();
        let tone = {
            let meter = self.media.meter.borrow();
            meter.as_ref().and_then(|meter| Tone::start(meter.context(), move || push(Event::ToneEnded)).ok())
        };
        self.screen.testing_speaker.show(tone.is_some());
        self.media.tone.replace(tone);
        self.route_sound();
    }

    pub(super) fn stop_tone(&self) {
        drop(self.media.tone.take());
        self.screen.testing_speaker.show(false);
    }

    /// Applies mute and hush: the track goes silent at once, the path stays.
    pub(super) fn apply_silence(&self) {
        let hushed = self.screen.hushed.get_untracked();
        if let Some(mic) = self.media.mic.borrow().as_ref() {
            mic.set_enabled(!self.is_silent());
        }
        if let Some(speaker) = self.media.speaker.borrow().as_ref() {
            speaker.set_muted(hushed);
        }
        self.tell_silence();
    }

    /// Who was muted while the line was cut is heard up to there: nobody is told before all of that is sent. What a muted
    /// microphone gives is silence anyway.
    pub(super) fn tell_silence(&self) {
        if self.is_silent() && self.carried.backlog.borrow().is_behind() {
            return;
        }
        self.say(&PageMessage::Muted { muted: self.is_silent() });
    }

    fn is_silent(&self) -> bool {
        self.screen.muted.get_untracked() || self.screen.hushed.get_untracked()
    }

    /// Opens the microphone, or another one in its place.
    pub(super) fn reopen_mic(&self, id: Watch<Option<String>>) {
        let id = id.get_untracked();
        let me = self.me.clone();
        spawn_local(async move {
            // A fault is on the screen.
            _ = open_mic(me, id).await;
        });
    }

    /// The device is gone: any other is better than none.
    pub(super) fn replace_lost_mic(&self) {
        if self.media.mic.borrow().is_none() {
            return; // It was turned off in the same moment.
        }
        let me = self.me.clone();
        spawn_local(async move {
            let opened = open_mic(me.clone(), None).await;
            if let (Err(_), Some(inner)) = (opened, me.upgrade()) {
                inner.mic_lost();
            }
        });
    }

    /// Another microphone does not work out: the one before stays, if there is one that works. Says so, and `why`.
    fn keep_mic(&self, why: &str) -> bool {
        let mic = self.media.mic.borrow();
        let Some(mic) = mic.as_ref().filter(|mic| mic.is_live()) else { return false };
        let given = mic.given();
        if let Some((_, sound)) = self.carried.sound.borrow().as_ref() {
            _ = sound.replace_mic(mic.stream());
        }
        let back = self.peer.borrow().as_ref().map(|peer| peer.replace_track(Some(mic.track())));
        spawn_local(async move {
            if let Some(back) = back {
                _ = back.await;
            }
        });
        self.screen.input_id.show(mic.device_id());
        self.remark(format!("{why} Your microphone is still: {}.", given.label));
        self.screen.mic.show(device::Mic::On(given));
        true
    }

    /// Says something that is soon of no interest.
    pub(super) fn remark(&self, text: String) {
        self.screen.notice.show(Some(text));
        self.notice_until.set(Some(now().after(REMARK)));
    }

    /// A remark's time is over, or there is graver news.
    pub(super) fn drop_remark(&self) {
        if self.notice_until.take().is_some() {
            self.show_notice();
        }
    }

    /// Shows what the room says. Where that is nothing, a remark is left until its time is over.
    pub(super) fn show_notice(&self) {
        let notice = self.view.borrow().notice().map(str::to_owned);
        if notice.is_some() || self.notice_until.get().is_none() {
            self.screen.notice.show(notice);
        }
    }

    /// Turns the microphone off, and the recording indicator with it.
    pub(super) fn release_mic(&self) {
        self.media.openings.borrow_mut().release();
        self.media.listen(Voice::Candidate, None);
        if self.media.mic.take().is_some() || self.screen.mic.get_untracked() == device::Mic::Asking {
            self.screen.mic.show(device::Mic::Off);
        }
    }

    /// Lists the devices, and if they have `changed` takes the microphone that the system takes now, where nobody chose one.
    pub(super) fn list_devices(&self, changed: bool) {
        let me = self.me.clone();
        spawn_local(async move {
            let listed = devices::list().await;
            if let (Ok((inputs, outputs)), Some(inner)) = (listed, me.upgrade()) {
                let other = inner.media.system.borrow_mut().look(&inputs);
                inner.screen.inputs.show(inputs);
                inner.screen.outputs.show(outputs);
                if changed && other && inner.media.follows_system() {
                    inner.reopen_mic(inner.screen.input_id);
                }
            }
        });
    }
}

/// Opens the microphone `id` or the usual one, and puts it wherever the one before was. One that is overtaken meanwhile is
/// dropped in silence.
///
/// # Errors
/// The fault, which is also shown.
pub(super) async fn open_mic(me: Weak<Inner>, id: Option<String>) -> Result<(), MicFault> {
    let Some(inner) = me.upgrade() else { return Ok(()) };
    let number = inner.media.openings.borrow_mut().ask();
    inner.screen.mic.show(device::Mic::Asking);
    drop(inner);
    let opened = Mic::open(id.as_deref()).await;
    // Nobody is there any more, or nobody wants it: the microphone is dropped, and so turned off.
    let Some(inner) = me.upgrade().filter(|it| it.media.openings.borrow().is_wanted(number)) else { return Ok(()) };
    let mut mic = match opened {
        Ok(mic) => mic,
        Err(error) => {
            leptos::logging::warn!("{error}");
            let fault = error.mic_fault();
            if !inner.keep_mic(fault.what()) {
                inner.screen.mic.show(device::Mic::Failed(fault));
            }
            return Err(fault);
        }
    };
    inner.media.openings.borrow_mut().take(number);
    // Before it is sent anywhere: whoever is muted stays so.
    mic.set_enabled(!inner.is_silent());
    let push = inner.pusher();
    _ = mic.watch(move || push(Event::MicEnded));
    let replaced = inner.peer.borrow().as_ref().map(|peer| peer.replace_track(Some(mic.track())));
    drop(inner);
    // The driver may go while this waits, or the interview end.
    let sent = match replaced {
        Some(replaced) => replaced.await,
        None => Ok(()),
    };
    let Some(inner) = me.upgrade().filter(|it| it.media.openings.borrow().holds(number)) else { return Ok(()) };
    // After the wait: a call on the room channel may have begun meanwhile, with the microphone before this one.
    let carried = inner.carried.sound.borrow().as_ref().map_or(Ok(()), |(_, sound)| sound.replace_mic(mic.stream()));
    if let Err(error) = carried.and(sent) {
        leptos::logging::warn!("{error}");
        if inner.keep_mic("That microphone cannot be used.") {
            return Err(MicFault::Other);
        }
    }
    // Maybe it was muted meanwhile.
    mic.set_enabled(!inner.is_silent());
    inner.media.listen(Voice::Candidate, Some(mic.stream()));
    let given = mic.given();
    let label = given.label.clone();
    inner.figures.borrow_mut().microphone(given.sample_rate_hz, given.channels);
    inner.screen.input_id.show(mic.device_id());
    inner.screen.mic.show(device::Mic::On(given));
    let call = *inner.phase.borrow() != Phase::Lobby;
    let before = inner.media.mic.replace(Some(mic));
    if call && before.is_some() {
        inner.remark(format!("Your microphone is now: {label}."));
    }
    inner.list_devices(false);
    inner.permissions_ready();
    if before.is_some() {
        inner.record_on();
    }
    // Only now, so that no moment is without a track.
    drop(before);
    Ok(())
}
