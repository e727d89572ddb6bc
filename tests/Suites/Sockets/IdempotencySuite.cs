using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Sockets;

/// <summary>Creates with an <c>idempotency_key</c> over real sockets and a journal in a file.</summary>
public abstract class IdempotencySuite(IWireHosts hosts) : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-keys-");

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task Create_AgainOnAnotherSocket_IsTheSameResponse()
    {
        await using var server = await StartAsync();
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);

        var events = await first.RunAsync(Create("one", "key-1"));

        Assert.Equal("response.completed", events[^1].TypeOf());
        Assert.Equal(Texts(events), Texts(await second.RunAsync(Create("one", "key-1"))));
        Assert.Equal(Texts(events), Texts(await first.RunAsync(Create("one", "key-1"))));
        Assert.NotEqual(events[^1].IdOf(), (await first.RunAsync(Create("one", "key-2")))[^1].IdOf());
        Assert.NotEqual(events[^1].IdOf(), (await first.RunAsync(Create("one", null)))[^1].IdOf());
    }

    [Fact]
    public async Task Create_ConnectionBroken_IsFoundByItsKeyOnTheNext()
    {
        var host = await hosts.StartStoredAsync(_data.FullName, TimeProvider.System);
        await using var server = await TestServer.StartAsync(host);
        var broken = await WireClient.ConnectAsync(server);
        await broken.SendAsync(Create("wait", "key-1", model: "gated"));
        var id = (await broken.ReceiveAsync()).IdOf();
        var call = await host.Model.CallAsync("wait");
        broken.Dispose();

        using var client = await WireClient.ConnectAsync(server);
        await client.SendAsync(Create("wait", "key-1", model: "gated"));
        Assert.Equal(id, (await client.ReceiveAsync()).IdOf());
        await call.AnswerAsync();

        Assert.Equal(id, (await client.ReadTurnAsync())[^1].IdOf());
        Assert.Equal(0, host.Model.CountCalls("wait"));
        Assert.Equal(2, await host.CountAppendsAsync(id));
    }

    [Fact]
    public async Task Create_AgainAfterARestart_IsTheSameResponse()
    {
        List<string> events, child;
        string parent;
        await using (var server = await StartAsync())
        {
            using var client = await WireClient.ConnectAsync(server);
            var turn = await client.RunAsync(Create("one", "key-1"));
            (events, parent) = (Texts(turn), turn[^1].IdOf());
            child = Texts(await client.RunAsync(Create("two", "key-2", parent)));
        }

        await using var restarted = await StartAsync();
        using var again = await WireClient.ConnectAsync(restarted);

        Assert.Equal(child, Texts(await again.RunAsync(Create("two", "key-2", parent))));
        Assert.Equal(events, Texts(await again.RunAsync(Create("one", "key-1"))));
        Assert.Equal("idempotency_key_reused", (await again.RunAsync(Create("three", "key-1")))[^1].CodeOf());
    }

    [Fact]
    public async Task Create_OtherBodyWithTheKey_IsAConflictAndTheSocketStays()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);
        var parent = (await client.RunAsync(Create("one", "key-1")))[^1].IdOf();

        var error = Assert.Single(await client.RunAsync(Create("two", "key-1")));
        var child = Assert.Single(await client.RunAsync(Create("two", "key-1", parent)));

        Assert.Equal((409, "idempotency_key_reused", "idempotency_key"),
            (error.StatusOf(), error.CodeOf(), error.ParamOf()));
        Assert.Equal("invalid_request_error", error.GetProperty("error").GetProperty("type").GetString());
        Assert.Equal(409, child.StatusOf());
        Assert.Equal("response.completed", (await client.RunAsync(Create("two", "key-2", parent)))[^1].TypeOf());
    }

    [Fact]
    public async Task Create_SameKeyOfAnotherTenant_IsAnotherResponse()
    {
        await using var server = await TestServer.StartAsync(
            await hosts.StartStoredAsync(_data.FullName, TimeProvider.System),
            ("ApiKeys:0", "one=team-1"), ("ApiKeys:1", "two=team-2"));
        using var client = await WireClient.ConnectAsync(server, ("Authorization", "Bearer one"));
        using var other = await WireClient.ConnectAsync(server, ("Authorization", "Bearer two"));

        var mine = (await client.RunAsync(Create("one", "key-1")))[^1].IdOf();

        var theirs = (await other.RunAsync(Create("other", "key-1")))[^1];
        Assert.Equal("response.completed", theirs.TypeOf());
        Assert.NotEqual(mine, theirs.IdOf());
    }

    [Fact]
    public async Task Create_UnstoredWithAKey_IsForItsOwnSocket()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);
        using var other = await WireClient.ConnectAsync(server);
        var create = Create("one", "key-1", more: ",\"store\":false");

        var events = Texts(await client.RunAsync(create));
        var theirs = Texts(await other.RunAsync(create));

        Assert.Equal(events, Texts(await client.RunAsync(create)));
        Assert.NotEqual(events[^1], theirs[^1]);
        Assert.Equal(theirs, Texts(await other.RunAsync(create)));
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("7")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"x\",\"idempotency_key\":\"y\"")]
    public async Task Key_Wrong_IsAnErrorThatNamesIt(string key)
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(
            $$"""{"type":"response.create","model":"echo","input":"one","idempotency_key":{{key}}}"""));

        Assert.Equal((400, "invalid_value", "idempotency_key"), (error.StatusOf(), error.CodeOf(), error.ParamOf()));
    }

    [Theory]
    [InlineData(255, "response.completed")]
    [InlineData(256, "error")]
    public async Task Key_Long_IsTakenUpToTheBound(int length, string outcome)
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        Assert.Equal(outcome, (await client.RunAsync(Create("one", new string('k', length))))[^1].TypeOf());
    }

    private static List<string> Texts(List<JsonElement> events) => events.ConvertAll(static e => e.GetRawText());

    private static string Create(string text, string? key, string? previous = null, string model = "echo",
        string more = "") => $$"""{"type":"response.create","model":"{{model}}","input":"{{text}}" """ +
            (key is null ? "" : $",\"idempotency_key\":\"{key}\"") +
            (previous is null ? "" : $",\"previous_response_id\":\"{previous}\"") + more + "}";

    private async Task<TestServer> StartAsync() =>
        await TestServer.StartAsync(await hosts.StartStoredAsync(_data.FullName, TimeProvider.System));
}
