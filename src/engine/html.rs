//! HTML as text, for what is written once and then only read. A view of its own type for each piece costs the page far more.

/// Markup under construction. Our own words go in as they are; whatever is only known at run time goes in escaped, and
/// there is no third way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Adds our own markup, in which each `{}` gives its place to one of `values`. A value may stand between tags and
    /// between the quotes of an attribute. A place without a value stays empty.
    pub fn add(&mut self, markup: &'static str, values: &[&str]) {
        let mut values = values.iter();
        for (i, piece) in markup.split("{}").enumerate() {
            if i > 0 {
                escape(&mut self.0, values.next().copied().unwrap_or_default());
            }
            self.0.push_str(piece);
        }
        debug_assert!(values.next().is_none(), "more values than places: {markup}");
    }

    /// The markup.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }
}

/// Writes `text` so that it stays text, between tags and inside of quoted attributes.
fn escape(into: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            _ => into.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(markup: &'static str, values: &[&str]) -> String {
        let mut html = Html::default();
        html.add(markup, values);
        html.finish()
    }

    #[test]
    fn values_take_their_places() {
        assert_eq!(html(r#"<p class="{}">{} of {}</p>"#, &["who", "1", "5"]), r#"<p class="who">1 of 5</p>"#);
        assert_eq!(html("<hr>", &[]), "<hr>");
        assert_eq!(html("<p>{}</p>", &[]), "<p></p>");
    }

    #[test]
    fn no_value_becomes_markup() {
        let hostile = r#""'><script>&amp;</script>{}"#;
        let escaped = "&quot;&#39;&gt;&lt;script&gt;&amp;amp;&lt;/script&gt;{}";
        assert_eq!(html(r#"<i title="{}">{}</i>"#, &[hostile, "ä"]), format!(r#"<i title="{escaped}">ä</i>"#));
    }
}
