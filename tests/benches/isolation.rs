//! Measures whether the time of an answer distinguishes another tenant's chat from one that does not exist
//! (`docs/design.md#isolation`). It reads both a thousand times, alternating, through the real processes. The foreign
//! chat has as large tags as it can have. It prints figures and does not fail, because times on a busy machine vary:
//!
//! ```sh
//! cargo bench -p end-to-end --bench isolation
//! ```
//!
//! The functions are built in their deployed profile; with `--profile dev` they are debug builds.
//!
//! A spread is the distance between the lower and the upper quartile.

use chats::domain::limits;
use local::demo::{DemoTenants, TenantName, TokenRequest};
use local::{Options, Stack, Template, binaries};
use std::error::Error;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Measured calls of each kind, and calls before them that warm up the processes.
const CALLS: usize = 1_000;
const WARM_UP: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let template = Template::read(&binaries::workspace().join("template.yaml"))?;
    let profile = if cfg!(debug_assertions) {
        binaries::Profile::Debug
    } else {
        binaries::Profile::Release
    };
    let functions = binaries::build(binaries::workspace(), profile, &[]).await?.executables;
    let stack = Stack::start(Options::new(template, functions, DemoTenants::generate()?)).await?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(chats::outbound::http::tls(Vec::new())?)
        .build()?;
    let owner = stack.tenants().token(&TokenRequest::new(TenantName::School))?;
    let stranger = stack.tenants().token(&TokenRequest::new(TenantName::Clinic))?;

    let created = client
        .post(format!("{}/api/v1/chats", stack.url()))
        .bearer_auth(&owner)
        .body(format!(
            r#"{{"audience": "school.example.org", "scope": "math 7", "tags": {}}}"#,
            largest_tags()
        ));
    let created = created.send().await?.error_for_status()?;
    let location = created.headers().get("location").ok_or("no location")?.to_str()?;
    let foreign = format!("{}{location}", stack.url());
    let read = async |url: &str, token: &str| -> Result<(u16, Duration), Box<dyn Error>> {
        let begun = Instant::now();
        let answer = client.get(url).bearer_auth(token).send().await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok((status, begun.elapsed()))
    };
    // Now the process has the chat in memory. That must not show either.
    read(&foreign, &owner).await?;

    let (mut of_foreign, mut of_missing) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + CALLS {
        let missing = format!("{}/api/v1/chats/{}", stack.url(), Uuid::new_v4());
        // The two kinds take turns at being first.
        let foreign_first = number % 2 == 0;
        let urls = if foreign_first {
            [&foreign, &missing]
        } else {
            [&missing, &foreign]
        };
        for (url, is_foreign) in urls.into_iter().zip([foreign_first, !foreign_first]) {
            let (status, time) = read(url, &stranger).await?;
            if status != 404 {
                return Err(format!("{url} answered {status}").into());
            }
            if number >= WARM_UP {
                if is_foreign { &mut of_foreign } else { &mut of_missing }.push(time);
            }
        }
    }
    stack.stop().await;

    let (foreign, missing) = (Times::of(of_foreign), Times::of(of_missing));
    println!("{:>8} {:>12} {:>12}", "chat", "median", "spread");
    for (name, times) in [("foreign", &foreign), ("missing", &missing)] {
        println!("{name:>8} {:>12.1?} {:>12.1?}", times.median, times.spread);
    }
    let difference = foreign.median.abs_diff(missing.median);
    let is_hidden = difference < foreign.spread.min(missing.spread);
    println!(
        "The medians differ by {difference:.1?}, which is {} than either spread.",
        if is_hidden { "less" } else { "NOT less" }
    );
    Ok(())
}

/// Tags with as many values as the limit allows, which take longer to read than a few long ones.
fn largest_tags() -> String {
    const EMPTY: &str = r#"{"lessons":[7]}"#;
    let more = (limits::TAGS_BYTES - EMPTY.len()) / ",7".len();
    EMPTY.replace("[7", &format!("[7{}", ",7".repeat(more)))
}

/// The distribution of a thousand times.
struct Times {
    median: Duration,
    spread: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let quartile = |number: usize| times.get(times.len() * number / 4).copied().unwrap_or_default();
        Self {
            median: quartile(2),
            spread: quartile(3).saturating_sub(quartile(1)),
        }
    }
}
