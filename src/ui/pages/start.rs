//! The first page: what this is, and one click into a practice interview.

use leptos::prelude::*;

use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::parts::masthead::{Colophon, Masthead, StillString};

/// `/`
#[component]
pub fn Start() -> impl IntoView {
    view! {
        <div class="page">
            <Masthead />
            <main id="main" class="front" tabindex="-1">
                <section class="hero">
                    <h1 data-heading tabindex="-1">
                        "Practise the interview out loud"
                    </h1>
                    <p class="lead">
                        "A quiet room, one question at a time. An AI interviewer asks by voice, listens until you have finished, "
                        "and leaves you with a transcript of what was said."
                    </p>
                    <p class="call">
                        <a href="/interview" class="button primary large">
                            "Start a practice interview"
                            <Icon sign=Sign::Arrow />
                        </a>
                        <span class="soft">"No account. A microphone and ten minutes are enough."</span>
                    </p>
                </section>
                <StillString />
                <section class="facts" aria-label="How it goes">
                    <div>
                        <h2>"Before"</h2>
                        <p>
                            "You read what will happen and agree to it. Then you check microphone and sound, for as long as you like. "
                            "The clock is not running."
                        </p>
                    </div>
                    <div>
                        <h2>"During"</h2>
                        <p>
                            "You talk as on a call. Interrupt when you want, pause when you need to, have a question repeated. "
                            "If the line drops, the clock waits and what you said is kept."
                        </p>
                    </div>
                    <div>
                        <h2>"After"</h2>
                        <p>
                            "You see each question with your answer and how long you spoke, and take it with you as text or JSON. "
                            "There is no score."
                        </p>
                    </div>
                </section>
                <section class="honest" aria-labelledby="honest">
                    <h2 id="honest">"Honestly"</h2>
                    <ul>
                        <li>"The interviewer is a computer voice. No person is listening, and it tells you so at the start."</li>
                        <li>
                            "The questions are set beforehand. It does not judge your answers; it may ask for an example when one was short."
                        </li>
                        <li>
                            "Your words are written down only where this server has a transcriber. Otherwise the report says how long you spoke, and nothing is made up."
                        </li>
                    </ul>
                </section>
            </main>
            <Colophon />
        </div>
    }
    .into_any()
}
