using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Transports;

/// <summary>One WebSocket.</summary>
public sealed class SocketTransport(WireClient client) : ITurnTransport
{
    public bool HasEvents => true;

    public static async Task<ITurnTransport> ConnectAsync(TestServer server, string? key) => new SocketTransport(
        await WireClient.ConnectAsync(server, key is null ? [] : [("Authorization", $"Bearer {key}")]));

    public async Task<TurnResult> RunAsync(string create) => TurnResult.Of(await client.RunAsync(Frame(create)));

    public async Task<(string Id, Task<TurnResult> Ended)> BeginAsync(string create)
    {
        await client.SendAsync(Frame(create));
        var created = await client.ReceiveAsync();
        return (created.IdOf(), EndAsync());

        async Task<TurnResult> EndAsync() => TurnResult.Of([created, .. await client.ReadTurnAsync()]);
    }

    public Task CancelAsync(string id) =>
        client.SendAsync($$"""{"type":"response.cancel","response_id":"{{id}}"}""");

    public void Dispose() => client.Dispose();

    private static string Frame(string create) => "{\"type\":\"response.create\"," + create[1..];
}
