//! What a response may be besides a spoken turn: a function call, out of band, cut short, refused.

use super::*;

fn weather() -> Value {
    json!({
        "type": "function", "name": "get_weather", "description": "The weather.",
        "parameters": { "type": "object", "required": ["city"], "properties": { "city": { "type": "string", "default": "Cologne" } } },
    })
}

fn user(text: &str) -> String {
    json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": text }] } })
    .to_string()
}

fn send(it: &mut Session, event: &Value) -> Vec<Value> {
    it.client(&event.to_string());
    events(it)
}

/// The recorded order of a function call, and what follows it.
#[test]
fn a_function_is_called_in_the_recorded_order() {
    let mut it = session();
    send(&mut it, &json!({ "type": "session.update", "session": { "tools": [weather()] } }));
    it.client(&user("Please call get_weather."));
    events(&mut it);
    let all = send(&mut it, &json!({ "type": "response.create", "response": { "metadata": { "turn": "9" } } }));
    let mut order = types(&all);
    order.dedup();
    assert_eq!(
        order,
        [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
    let added = &all[1]["item"];
    assert_eq!(
        (&added["type"], &added["status"], &added["arguments"]),
        (&json!("function_call"), &json!("in_progress"), &json!(""))
    );
    let deltas: String = all.iter().filter_map(|it| it["delta"].as_str()).collect();
    let done = all.iter().find(|it| it["type"] == "response.function_call_arguments.done").unwrap();
    assert_eq!((&done["arguments"], &done["name"]), (&json!(deltas), &json!("get_weather")));
    assert_eq!(serde_json::from_str::<Value>(&deltas).unwrap(), json!({ "city": "Cologne" }));
    let response = &all.iter().find(|it| it["type"] == "response.done").unwrap()["response"];
    let call = &response["output"][0];
    assert_eq!(
        (&call["status"], &call["call_id"], &call["id"]),
        (&json!("completed"), &added["call_id"], &added["id"])
    );
    assert_eq!((&response["metadata"]["turn"], &response["status_details"]), (&json!("9"), &Value::Null));

    // What it gave back is answered with words, and the function is not called again.
    let output = json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "Sunny, 20 degrees." });
    assert_eq!(types(&send(&mut it, &json!({ "type": "conversation.item.create", "item": output }))).len(), 2);
    let text = json!({ "output_modalities": ["text"], "instructions": "Tell the user the result." });
    let all = send(&mut it, &json!({ "type": "response.create", "response": text }));
    assert_eq!(all.iter().find_map(|it| it["text"].as_str()), Some("Sunny, 20 degrees."));
    let all = send(&mut it, &json!({ "type": "response.create", "response": { "output_modalities": ["text"] } }));
    assert_eq!(all.iter().find_map(|it| it["text"].as_str()), Some("Thank you. I have noted that."));
}

/// Who asks, and what `tool_choice` makes of it.
#[test]
fn tool_choice_is_kept() {
    let other = json!({ "type": "function", "name": "other", "parameters": {} });
    let named = json!({ "type": "function", "name": "other" });
    for (case, choice, instructions, text, called) in [
        ("by the user", json!("auto"), "", "Call get_weather now", Some("get_weather")),
        ("by the instructions", json!("auto"), "Use the get_weather tool.", "Hi", Some("get_weather")),
        ("by nobody", json!("auto"), "Be kind.", "Hi", None),
        ("none", json!("none"), "Use the get_weather tool.", "Call other", None),
        ("required", json!("required"), "", "Hi", Some("get_weather")),
        ("required and asked for", json!("required"), "", "Call other", Some("other")),
        ("named", named, "Use get_weather.", "Call get_weather", Some("other")),
    ] {
        for in_response in [false, true] {
            let mut it = session();
            let settings = json!({ "tools": [weather(), other], "tool_choice": choice, "instructions": instructions });
            it.client(&user(text));
            let mut response = json!({ "output_modalities": ["text"] });
            if in_response {
                response.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            } else {
                send(&mut it, &json!({ "type": "session.update", "session": settings }));
            }
            let all = send(&mut it, &json!({ "type": "response.create", "response": response }));
            let got = all.iter().find(|it| it["type"] == "response.function_call_arguments.done");
            assert_eq!(got.map(|it| it["name"].as_str().unwrap()), called, "{case}, in the response: {in_response}");
        }
    }
}

/// Out of band: its own input, no trace in the conversation, beside a response that is being spoken.
#[test]
fn a_response_out_of_band_leaves_no_trace() {
    let mut it = session();
    it.client(&user("Call get_weather."));
    let referred = events(&mut it)[0]["item"]["id"].clone();
    say(&mut it, "One two three.");
    events(&mut it);
    let last = it.conversation.last_id();
    let aside = |input: Value| {
        json!({ "type": "response.create", "event_id": "aside", "response": { "conversation": "none", "output_modalities": ["text"],
            "tools": [weather()], "metadata": { "topic": "x" }, "input": input } })
    };
    let all = send(&mut it, &aside(json!([{ "type": "item_reference", "id": referred }])));
    assert!(types(&all).contains(&"response.function_call_arguments.done"));
    assert!(!types(&all).iter().any(|it| it.starts_with("conversation.")));
    let response = &all[0]["response"];
    assert_eq!((&response["conversation_id"], &response["metadata"]["topic"]), (&Value::Null, &json!("x")));
    // The input is all that it knows.
    let all = send(
        &mut it,
        &aside(json!([{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Hi" }] }])),
    );
    assert!(types(&all).contains(&"response.output_text.done"));
    assert_eq!(it.conversation.last_id(), last);
    for (input, param) in [
        (json!([{ "type": "item_reference", "id": "nobody" }]), "response.input[0].id"),
        (json!([{ "type": "message", "role": "cat" }]), "response.input[0].role"),
        (json!([7]), "response.input[0]"),
        (json!("Hi"), "response.input"),
    ] {
        let all = send(&mut it, &aside(input));
        assert_eq!((&all[0]["error"]["param"], &all[0]["error"]["event_id"]), (&json!(param), &json!("aside")));
    }
    // One voice: aloud it has to wait.
    let all = send(&mut it, &json!({ "type": "response.create", "response": { "conversation": "none" } }));
    assert_eq!(all[0]["error"]["code"], "conversation_already_has_active_response");
    let spoken = play(&mut it);
    assert!(spoken.iter().any(|(_, it)| it["response"]["status"] == "completed"));
}

#[test]
fn a_bad_override_is_refused_by_name() {
    let mut it = session();
    for (response, param) in [
        (json!({ "output_modalities": ["smell"] }), "response.output_modalities"),
        (json!({ "conversation": "mine" }), "response.conversation"),
        (json!({ "metadata": { "k": 1 } }), "response.metadata"),
        (json!({ "max_output_tokens": 0 }), "response.max_output_tokens"),
        (json!({ "audio": { "output": { "format": { "type": "mp3" } } } }), "response.audio.output.format"),
        (json!({ "tools": [{ "type": "function" }] }), "response.tools"),
        (json!({ "tool_choice": { "type": "function", "name": "nobody" } }), "response.tool_choice"),
        (json!({ "instructions": 7 }), "response"),
    ] {
        let all = send(&mut it, &json!({ "type": "response.create", "event_id": "mine", "response": response }));
        assert_eq!((types(&all), &all[0]["error"]["param"]), (vec!["error"], &json!(param)), "{response}");
        assert_eq!(all[0]["error"]["event_id"], "mine");
    }
}

#[test]
fn what_does_not_fit_into_max_output_tokens_is_not_said() {
    let mut it = session();
    let response =
        json!({ "output_modalities": ["text"], "max_output_tokens": 3, "instructions": "Say: one two three four" });
    let all = send(&mut it, &json!({ "type": "response.create", "response": response }));
    let done = &all.iter().find(|it| it["type"] == "response.done").unwrap()["response"];
    assert_eq!(done["output"][0]["content"][0]["text"], "one two");
    assert_eq!((&done["status"], &done["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
    assert_eq!(done["status_details"], json!({ "type": "incomplete", "reason": "max_output_tokens" }));
}

/// Text in, twice: a greeting, then the first question. Both events of the client may come back to back.
#[test]
fn without_words_the_practice_questions_are_asked() {
    let mut it = session();
    send(
        &mut it,
        &json!({ "type": "session.update", "session": { "output_modalities": ["text"], "instructions": "You are a pirate." } }),
    );
    let mut said = Vec::new();
    for text in ["Hello", "Yes, please: say I am a pirate"] {
        it.client(&user(text));
        let all = send(&mut it, &json!({ "type": "response.create" }));
        assert_eq!(&types(&all)[..3], ["conversation.item.added", "conversation.item.done", "response.created"]);
        said.push(all.iter().find_map(|it| it["text"].as_str()).unwrap().to_owned());
    }
    assert!(said[0].contains("practice question") && said[1].contains("introduce yourself"), "{said:?}");
    assert!(!said.concat().contains("pirate"));
}
