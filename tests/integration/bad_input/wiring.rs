//! Dependencies that are not there, or that go in circles, and services that belong to others.

use super::{Case, all_fail_in};
use crate::queue;
use crate::world::PipelineOptions;

const MISCONFIGURED: &str = "ConfigurationError";

/// A table of what can be wrong with a wiring.
#[expect(clippy::too_many_lines, reason = "a table")]
fn wrong_wirings() -> Vec<Case> {
    let wired =
        |name, to: &str, says| Case { options: queue::wired_to(name, to), ..Case::new(name, (MISCONFIGURED, says)) };
    let takes = |name, value: &str, says| Case::new(name, (MISCONFIGURED, says)).deploy("ParameterOverrides", value);
    vec![
        wired(
            "base",
            "top",
            &[
                "its wiring would close a circle: base → top → middle → base",
                "belongs into DependsOn",
                "Nothing was made",
            ],
        ),
        wired("selfish", "selfish", &["would close a circle: selfish → selfish"]),
        wired(
            "lost",
            "nobody",
            &[
                "lost needs nobody, which was never released into this stage",
                "it knows base, middle, top",
                "Release nobody first, or mend its name",
            ],
        ),
        takes(
            "wants",
            r#"{"Note":{"Fn::GetLive":["base","Colour"]}}"#,
            &["it asks for the output Colour of base v1-", "which has Address", "Mend the output's name"],
        ),
        Case::new(
            "thief",
            (
                MISCONFIGURED,
                &[
                    "service base belongs to the pipeline arn:aws:codepipeline:us-east-1:000000000000:base",
                    "hand the service over",
                ],
            ),
        )
        .deploy("Service", "base"),
        Case::new("depends", (MISCONFIGURED, &["depends needs nobody, which was never released"]))
            .deploy("DependsOn", "nobody"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn wiring_that_cannot_be_is_spelled_out_and_what_is_live_stays() {
    let world = queue::world(&[], &["--hold-seconds", "1"]).await;
    queue::make_live(&world, "base", &PipelineOptions::service("base")).await;
    queue::make_live(&world, "middle", &queue::wired_to("middle", "base")).await;
    queue::make_live(&world, "top", &queue::wired_to("top", "middle")).await;
    let before = (world.stage().await, world.stacks().await);

    world.codepipeline().delete_pipeline().name("base").send().await.unwrap();
    all_fail_in(&world, "DeployBlue", &wrong_wirings()).await;
    assert_eq!(world.stacks().await, before.1);
    assert_eq!(world.stage().await.services, before.0.services);
}
