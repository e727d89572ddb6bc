using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>What is larger than Orleans takes in one message, and what takes longer than a short call may.</summary>
public sealed class LargeMessageTests
{
    [Fact]
    public async Task Response_LargerThanAMessage_IsReadInPieces()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld { MessageBytesMax = 22 << 20 });
        var client = new ContractClient(host, "default", lease: 1);
        var neighbour = await client.SayAsync("neighbour");
        await using var waiting = client.Open(neighbour);
        await waiting.ReadUntilAsync("response.in_progress");
        var text = new string('x', 12 << 20);
        var id = await client.SayAsync("hello");
        var call = await host.Model.CallAsync("hello");
        ModelEvent[] message =
        [
            new(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
            new(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            Speech.Delta(text),
            new(ModelEventKind.PartDone),
            new(ModelEventKind.ItemDone),
        ];
        await call.SayAsync([.. message, .. message, Speech.Completed]);
        call.End();

        var (count, terminal) = await ReadAsync(host, client.Address(id));
        var response = await host.Conversations.GetAsync(client.Address(id), CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience);
        await (await host.Model.CallAsync("neighbour")).AnswerAsync();

        Assert.Equal(15, count);
        Assert.Equal("response.completed", terminal.GetProperty("type").GetString());
        Assert.Equal(Encoding.UTF8.GetString(response.Span), terminal.GetProperty("response").GetRawText());
        Assert.Equal([text.Length, text.Length], terminal.GetProperty("response").GetProperty("output")
            .EnumerateArray().Select(item => item.GetProperty("content")[0].GetProperty("text").GetString()!.Length));
        Assert.Equal("response.completed", ContractClient.TypeOf((await waiting.ReadToEndAsync())[^1]));
    }

    [Fact]
    public async Task Create_OfManyBytes_IsNotAskedAgainWhileItIsOnItsWay()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld(),
            options: new() { CallTimeout = TimeSpan.FromSeconds(5) });
        var client = new ContractClient(host, "default", lease: 1);
        var item = $$"""{"role":"user","content":"{{new string('x', 15 << 20)}}"}""";
        var create = ContractClient.Json($"[{item},{item}]", model: "echo");
        var (arrived, gate) = host.Silos.Answers.Hold();

        var starting = client.CreateAsync(create, ContractClient.NewConversation());
        await arrived.WaitAsync(Waits.Patience);

        // Longer than a small call may take, and Orleans to see it.
        await Task.Delay(TimeSpan.FromSeconds(8), TimeProvider.System);
        host.Silos.Answers.Pass();
        gate.SetResult();

        await starting;
        Assert.Equal(1, host.Silos.Answers.Starts);
    }

    [Fact]
    public async Task Create_LargerThanAMessage_ComesInPieces()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld { MessageBytesMax = 6 << 20 });
        var client = new ContractClient(host, "default", lease: 1);
        var item = $$"""{"role":"user","content":"{{new string('x', 14 << 20)}}"}""";

        var stored = await client.CreateAsync(
            ContractClient.Json($"[{item},{item},{item}]", model: "echo"), ContractClient.NewConversation());
        var unstored = await client.CreateAsync(ContractClient.Json($"[{item}]", model: "echo", store: false),
            ContractClient.NewConversation());

        Assert.Contains("3 items", (await client.ReadAsync(stored))[^1], StringComparison.Ordinal);
        Assert.Contains("1 items", (await client.ReadAsync(unstored))[^1], StringComparison.Ordinal);
        Assert.Equal(2, host.Silos.Answers.Starts);
    }

    private static async Task<(int Count, JsonElement Terminal)> ReadAsync(ContractHost host, TurnAddress turn)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        var (count, last) = (0, ReadOnlyMemory<byte>.Empty);
        await foreach (var batch in host.Turns.ReadEventsAsync(turn, 0, patience.Token))
        {
            Assert.Equal(count, batch.From);
            (count, last) = (count + batch.Events.Count, batch.Events[^1]);
        }

        return (count, ContractClient.Parse(Encoding.UTF8.GetString(last.Span)));
    }
}
