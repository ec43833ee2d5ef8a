//! How the words of our field are said.
//!
//! Two tables: [`WORDS`] gives phones to words that the dictionary lacks or reads wrongly, and `spoken` writes out what
//! is not a word at all ("CI/CD", "p95", "O(n)") before the voice's own rules see it.

mod spoken;

pub use spoken::spoken;

/// Word and phones, in the voice's own notation: `1` after a vowel carries the stress.
///
/// Words are looked up whatever their case. Short forms in capitals stand here when they would be read as a word or
/// when their plural has to be known.
pub const WORDS: &[(&str, &str)] = &[
    ("ajax", "ey1 jh ae k s"),
    ("angular", "ae1 ng g y ax l er"),
    ("ansible", "ae1 n s ax b ax l"),
    ("api", "ey1 p iy1 ay1"),
    ("apis", "ey1 p iy1 ay1 z"),
    ("async", "ey1 s ih ng k"),
    ("asynchronous", "ey1 s ih1 ng k r ax n ax s"),
    ("auth", "ao1 th"),
    ("aws", "ey1 d ah1 b ax l y uw eh1 s"),
    ("azure", "ae1 zh er"),
    ("backend", "b ae1 k eh1 n d"),
    ("bool", "b uw1 l"),
    ("boolean", "b uw1 l iy ax n"),
    ("cache", "k ae1 sh"),
    ("cached", "k ae1 sh t"),
    ("caches", "k ae1 sh ih z"),
    ("caching", "k ae1 sh ih ng"),
    ("cassandra", "k ax s ae1 n d r ax"),
    ("cd", "s iy1 d iy1"),
    ("char", "k aa1 r"),
    ("ci", "s iy1 ay1"),
    ("cli", "s iy1 eh1 l ay1"),
    ("config", "k ax n f ih1 g"),
    ("cors", "k ao1 r z"),
    ("cpu", "s iy1 p iy1 y uw1"),
    ("cpus", "s iy1 p iy1 y uw1 z"),
    ("cron", "k r aa1 n"),
    ("crud", "k r ah1 d"),
    ("css", "s iy1 eh1 s eh1 s"),
    ("csv", "s iy1 eh1 s v iy1"),
    ("daemon", "d iy1 m ax n"),
    ("dataset", "d ey1 t ax s eh1 t"),
    ("deque", "d eh1 k"),
    ("devops", "d eh1 v aa1 p s"),
    ("django", "jh ae1 ng g ow"),
    ("dns", "d iy1 eh1 n eh1 s"),
    ("docker", "d aa1 k er"),
    ("elasticsearch", "ih l ae1 s t ih k s er1 ch"),
    ("enum", "iy1 n ah m"),
    ("etcd", "eh1 t s iy1 d iy1"),
    ("frontend", "f r ah1 n t eh1 n d"),
    ("git", "g ih1 t"),
    ("github", "g ih1 t hh ah1 b"),
    ("gitlab", "g ih1 t l ae1 b"),
    ("golang", "g ow1 l ae1 ng"),
    ("gpu", "jh iy1 p iy1 y uw1"),
    ("gpus", "jh iy1 p iy1 y uw1 z"),
    ("grafana", "g r ax f aa1 n ax"),
    ("graphql", "g r ae1 f k y uw1 eh1 l"),
    ("grpc", "jh iy1 aa1 r p iy1 s iy1"),
    ("gui", "g uw1 iy"),
    ("hadoop", "hh ax d uw1 p"),
    ("html", "ey1 ch t iy1 eh1 m eh1 l"),
    ("http", "ey1 ch t iy1 t iy1 p iy1"),
    ("https", "ey1 ch t iy1 t iy1 p iy1 eh1 s"),
    ("ide", "ay1 d iy1 iy1"),
    ("idempotency", "ay1 d ax m p ow1 t ax n s iy"),
    ("idempotent", "ay1 d ax m p ow1 t ax n t"),
    ("ios", "ay1 ow1 eh1 s"),
    ("ip", "ay1 p iy1"),
    ("jenkins", "jh eh1 ng k ih n z"),
    ("json", "jh ey1 s ax n"),
    ("jwt", "jh ey1 d ah1 b ax l y uw t iy1"),
    ("kafka", "k aa1 f k ax"),
    ("kotlin", "k aa1 t l ih n"),
    ("kubernetes", "k uw b er n eh1 t iy z"),
    ("lambda", "l ae1 m d ax"),
    ("latency", "l ey1 t ax n s iy"),
    ("linux", "l ih1 n ax k s"),
    ("llm", "eh1 l eh1 l eh1 m"),
    ("mariam", "m aa1 r iy ax m"),
    ("microservice", "m ay1 k r ow s er1 v ih s"),
    ("microservices", "m ay1 k r ow s er1 v ih s ih z"),
    ("middleware", "m ih1 d ax l w eh1 r"),
    ("mongodb", "m aa1 ng g ow d iy1 b iy1"),
    ("mutex", "m y uw1 t eh k s"),
    ("mysql", "m ay1 s iy1 k w ax l"),
    ("namespace", "n ey1 m s p ey1 s"),
    ("nginx", "eh1 n jh ih n eh1 k s"),
    ("nosql", "n ow1 s iy1 k w ax l"),
    ("numpy", "n ah1 m p ay"),
    ("oauth", "ow1 ao1 th"),
    ("observability", "ax b z er1 v ax b ih1 l ax t iy"),
    ("odbc", "ow1 d iy1 b iy1 s iy1"),
    ("oidc", "ow1 ay1 d iy1 s iy1"),
    ("oop", "ow1 ow1 p iy1"),
    ("orm", "ow1 aa1 r eh1 m"),
    ("postgres", "p ow1 s t g r eh s"),
    ("postgresql", "p ow1 s t g r eh s k y uw1 eh1 l"),
    ("prometheus", "p r ax m iy1 th iy ax s"),
    ("pytorch", "p ay1 t ao1 r ch"),
    ("rabbitmq", "r ae1 b ih t eh1 m k y uw1"),
    ("redis", "r eh1 d ih s"),
    ("redux", "r iy1 d ah1 k s"),
    ("regex", "r eh1 g eh k s"),
    ("repo", "r iy1 p ow"),
    ("repos", "r iy1 p ow z"),
    ("runtime", "r ah1 n t ay1 m"),
    ("saas", "s ae1 s"),
    ("scala", "s k aa1 l ax"),
    ("sdk", "eh1 s d iy1 k ey1"),
    ("serverless", "s er1 v er l ax s"),
    ("sharding", "sh aa1 r d ih ng"),
    ("sla", "eh1 s eh1 l ey1"),
    ("slo", "eh1 s eh1 l ow1"),
    ("spa", "eh1 s p iy1 ey1"),
    ("sql", "s iy1 k w ax l"),
    ("sqlite", "s iy1 k w ax l ay1 t"),
    ("sre", "eh1 s aa1 r iy1"),
    ("ssd", "eh1 s eh1 s d iy1"),
    ("ssh", "eh1 s eh1 s ey1 ch"),
    ("ssl", "eh1 s eh1 s eh1 l"),
    ("stdin", "s t ae1 n d er d ih1 n"),
    ("stdout", "s t ae1 n d er d aw1 t"),
    ("sudo", "s uw1 d uw"),
    ("svelte", "s v eh1 l t"),
    ("tcp", "t iy1 s iy1 p iy1"),
    ("terraform", "t eh1 r ax f ao1 r m"),
    ("throughput", "th r uw1 p uh1 t"),
    ("tls", "t iy1 eh1 l eh1 s"),
    ("tuple", "t uw1 p ax l"),
    ("typescript", "t ay1 p s k r ih1 p t"),
    ("ubuntu", "uw b uh1 n t uw"),
    ("udp", "y uw1 d iy1 p iy1"),
    ("ui", "y uw1 ay1"),
    ("uis", "y uw1 ay1 z"),
    ("url", "y uw1 aa1 r eh1 l"),
    ("urls", "y uw1 aa1 r eh1 l z"),
    ("uuid", "y uw1 y uw1 ay1 d iy1"),
    ("ux", "y uw1 eh1 k s"),
    ("vivavoce", "v iy1 v ax v ow1 ch ey"),
    ("vm", "v iy1 eh1 m"),
    ("vms", "v iy1 eh1 m z"),
    ("vue", "v y uw1"),
    ("wasm", "w aa1 z ax m"),
    ("webassembly", "w eh1 b ax s eh1 m b l iy"),
    ("webhook", "w eh1 b hh uh1 k"),
    ("webhooks", "w eh1 b hh uh1 k s"),
    ("webrtc", "w eh1 b aa1 r t iy1 s iy1"),
    ("websocket", "w eh1 b s aa1 k ih t"),
    ("websockets", "w eh1 b s aa1 k ih t s"),
    ("xml", "eh1 k s eh1 m eh1 l"),
    ("xss", "eh1 k s eh1 s eh1 s"),
    ("yaml", "y ae1 m ax l"),
];

/// [`WORDS`] in the form the voice takes: `word : phones`, one a line.
#[must_use]
pub fn entries() -> String {
    WORDS.iter().map(|(word, phones)| format!("{word} : {phones}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> flite_rs::Engine {
        let mut engine = flite_rs::Engine::new();
        assert!(engine.select_voice("kal16"));
        engine.add_lex_entries(&entries()).unwrap();
        engine
    }

    #[test]
    fn words_are_sorted_and_unique() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0), "{:?}", WORDS.windows(2).find(|it| it[0].0 >= it[1].0));
    }

    #[test]
    fn every_word_is_pronounced_as_entered() {
        let engine = engine();
        for (word, phones) in WORDS {
            let entered: Vec<&str> = phones.split(' ').map(|it| it.trim_end_matches(['0', '1'])).collect();
            let said = engine.phones(word);
            let said: Vec<&str> = said.split(' ').filter(|it| *it != "pau").collect();
            assert_eq!(said, entered, "{word}");
        }
    }

    #[test]
    fn the_usual_spelling_is_pronounced_like_the_entry() {
        let engine = engine();
        for spelling in [
            "Kubernetes",
            "SQL",
            "NGINX",
            "OAuth",
            "API",
            "APIs",
            "PostgreSQL",
            "MySQL",
            "CI",
            "CD",
            "JSON",
            "YAML",
            "HTTP",
            "HTTPS",
            "TLS",
            "gRPC",
            "GraphQL",
            "Redis",
            "Kafka",
            "Linux",
            "GitHub",
            "SaaS",
            "CPU",
            "GPU",
            "UI",
            "UX",
            "DevOps",
            "Vivavoce",
            "Mariam",
            "WebRTC",
            "RabbitMQ",
            "CLI",
        ] {
            assert_eq!(engine.phones(spelling), engine.phones(&spelling.to_lowercase()), "{spelling}");
        }
    }
}
