using System.Net;
using System.Text.Json;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Http;

/// <summary>What a client sees of responses whose lifetime is over.</summary>
public sealed class LifetimeTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task Response_WhoseLifetimeIsOver_IsNotFoundByAnyRoute_AndItsItemsStayForItsChildren()
    {
        var lifetimes = new ResponseLifetimes();
        lifetimes.Set("default", 30 * Day);
        var host = await InProcessHosts.Sqlite.StartAsync(new HostSetup { Lifetimes = lifetimes });
        await using var server = await TestServer.StartAsync(host);
        using var http = HttpTurns.Connect(server);
        var store = (ILifetimeStore)host.Store;
        lifetimes.Use(await store.KeepLifetimesAsync(lifetimes.Rules, host.Time.GetUtcNow(), default));
        var old = (await http.AnswerAsync("""{"model":"echo","input":"the first"}""")).Id;
        host.StandStill(20 * Day);
        var young = (await http.AnswerAsync(
            $$"""{"model":"echo","input":"the second","previous_response_id":"{{old}}"}""")).Id;
        await http.GetStringAsyncOf($"/v1/responses/{old}", HttpStatusCode.OK);
        host.StandStill(10 * Day);

        var answer = await http.GetStringAsyncOf($"/v1/responses/{old}", HttpStatusCode.NotFound);
        Assert.Contains($"Response with id '{old}' not found.", answer, StringComparison.Ordinal);
        foreach (var page in new[] { "/input_items", "?stream=true" })
        {
            await http.GetStringAsyncOf($"/v1/responses/{old}{page}", HttpStatusCode.NotFound);
        }

        using var deleted = await http.DeleteAsync($"/v1/responses/{old}");
        Assert.Equal(HttpStatusCode.NotFound, deleted.StatusCode);
        using var continued = await http.PostCreateAsync(
            $$"""{"model":"echo","input":"more","previous_response_id":"{{old}}"}""");
        Assert.Contains("previous_response_not_found", await continued.Content.ReadAsStringAsync(),
            StringComparison.Ordinal);
        var items = await http.GetStringAsyncOf($"/v1/responses/{young}/input_items?order=asc", HttpStatusCode.OK);
        Assert.Equal(3, JsonDocument.Parse(items).RootElement.GetProperty("data").GetArrayLength());
        Assert.Contains("the first", items, StringComparison.Ordinal);
        var third = await http.AnswerAsync(
            $$"""{"model":"echo","input":"the third","previous_response_id":"{{young}}"}""");
        Assert.Equal("completed", third.Ended.GetProperty("status").GetString());
    }
}
