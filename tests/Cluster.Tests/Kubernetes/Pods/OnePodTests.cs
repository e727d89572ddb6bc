using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Kubernetes.Image;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>The overlay of one pod: a pod takes over the volume of the one before, when that has ended.</summary>
[Trait("Needs", "HAProxy")]
[Trait("Needs", "Kubectl")]
public sealed class OnePodTests(ImageFixture fixture) : IClassFixture<ImageFixture>, IDisposable
{
    private readonly CancellationTokenSource _patience = new(Waits.Patience * 6);

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [ContainerFact]
    public async Task Pod_Replaced_IsGoneBeforeTheNextBegins_AndLeavesItsTurns()
    {
        await using var one = await PodCluster.StartAsync(fixture.Image, journal: "", PodCluster.One, Token);
        var first = Assert.Single(one.Deployment.Pods);
        using var answer = await one.Http.PostAsJsonAsync(
            new Uri("/v1/responses", UriKind.Relative), new { model = "demo", input = "hello" }, Token);
        var response = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!;
        Assert.Equal("completed", response["status"]!.GetValue<string>());

        one.Deployment.Restart(1);
        await one.Deployment.UntilAsync(() => one.Deployment.Pods.Count == 2, Token);
        Assert.True(first.HasGone);
        await one.Deployment.UntilCompleteAsync(Token);

        Assert.True(first is { ExitCode: 0, WasKilled: false, Restarts: 0 }, first.Story);
        Assert.Equal(0, one.Deployment.Pods[1].Restarts);
        var again = await one.Http.GetStringAsync(
            new Uri($"/v1/responses/{response["id"]!.GetValue<string>()}", UriKind.Relative), Token);
        Assert.Equal("completed", JsonNode.Parse(again)!["status"]!.GetValue<string>());
    }
}
