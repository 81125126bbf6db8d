//! Requests that two servers could cut in two ways, and what an upstream gets (PR1).

use std::{collections::HashSet, fs, time::Duration};

use e2e::{Answer, Wire, own_stack};
use futures_util::{StreamExt, stream};

use super::{
    probes::{Framing, Probe, all},
    recorder::{Record, Recorder},
};

const AT_ONCE: usize = 48;
const PATIENCE: Duration = Duration::from_secs(3);

fn routes(recorder: &Recorder) -> String {
    let address = recorder.address;
    format!(
        "[upstreams.recorder]\naddresses = [\"{address}\"]\n\
         [[routes]]\nprefix = \"/public\"\nupstream = \"recorder\"\npolicy = \"public\"\n\
         [[routes]]\nprefix = \"/secret\"\nupstream = \"recorder\"\npolicy = \"session\"\n"
    )
}

/// Sends a probe, with the next request right behind it, and again with the next
/// request once there was an answer.
async fn send(gateway_url: &str, probe: &Probe, id: usize) -> Vec<Answer> {
    let id = format!("{id:05}");
    let first = probe.first.replace("{id}", &id);
    let next =
        format!("GET /public/{id}/next HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut wire = Wire::open(gateway_url).await;
    let sound = probe.framing == Framing::Sound;
    wire.send(first.as_bytes()).await;
    let mut answers = Vec::new();
    if sound {
        answers.extend(wire.answer().await);
    }
    wire.send(next.as_bytes()).await;
    if sound {
        answers.extend(wire.answer().await);
    } else {
        wire.listen(PATIENCE).await;
        answers = wire.answers_so_far();
    }
    answers
}

fn judge(probe: &Probe, answers: &[Answer], records: &[&Record]) -> Result<(), String> {
    let ids: HashSet<_> =
        answers.iter().filter_map(|answer| answer.header("x-request-id")).collect();
    for record in records {
        if let Some(fault) = record.fault {
            return Err(format!("the upstream got {fault}: {record:?}"));
        }
        if record.target.contains("secret") || record.target.contains("hidden") {
            return Err(format!("what was hidden came out: {record:?}"));
        }
        // Whatever passed through the gateway has these from it, once.
        let (id, from) = (record.values("x-request-id"), record.values("x-forwarded-for"));
        if id.len() != 1 || from != ["127.0.0.1"] || !record.values("x-user-id").is_empty() {
            return Err(format!("a request went around the gateway: {record:?}"));
        }
        if record.values("host").len() != 1 {
            return Err(format!("not one host: {record:?}"));
        }
        // Who sends more than was announced is cut off, and may lose an answer by that.
        if probe.framing == Framing::Sound && !ids.contains(id[0]) {
            return Err(format!("an answer is missing: {record:?}"));
        }
    }
    let targets: Vec<_> = records.iter().map(|record| record.target.as_str()).collect();
    match probe.framing {
        Framing::Sound => {
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            if statuses != [200, 200] || targets.len() != 2 {
                return Err(format!("a sound request was not served: {answers:?} {targets:?}"));
            }
        }
        Framing::Faulty if targets.len() > 1 => {
            return Err(format!("something after a faulty request was served: {targets:?}"));
        }
        Framing::Faulty | Framing::Odd => {}
    }
    if answers.iter().any(|answer| answer.status >= 500) {
        return Err(format!("{answers:?}"));
    }
    Ok(())
}

#[tokio::test]
async fn an_upstream_gets_one_request_or_none_however_a_body_is_framed() {
    let recorder = Recorder::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("routes.toml");
    fs::write(&file, routes(&recorder)).expect("written");
    let (stack, _dir) = own_stack(&[("ROUTES_FILE", &file.display().to_string())]).await;
    let url = stack.urls().gateway_url.clone();

    let probes = all();
    assert!(probes.len() >= 500, "{}", probes.len());
    let sent = probes.iter().enumerate().map(|(id, probe)| {
        let url = &url;
        async move { send(url, probe, id).await }
    });
    let answers: Vec<_> = stream::iter(sent).buffered(AT_ONCE).collect().await;

    let records = recorder.records();
    let mut told = 0;
    let mut found = Vec::new();
    for (id, (probe, answers)) in probes.iter().zip(&answers).enumerate() {
        let mark = format!("/{id:05}/");
        let own: Vec<_> = records.iter().filter(|record| record.target.contains(&mark)).collect();
        told += own.len();
        if let Err(problem) = judge(probe, answers, &own) {
            found.push(format!("{:?} {:?}\n  {problem}", probe.framing, probe.first));
        }
    }
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), probes.len(), found.join("\n"));
    assert_eq!(told, records.len(), "the upstream got something that nobody sent");
    stack.shutdown().await;
}
