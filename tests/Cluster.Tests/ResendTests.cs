using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests;

/// <summary>A create that its client sends again while the first try runs, through one frontend or another.</summary>
public sealed class ResendTests : IAsyncLifetime
{
    private static readonly HostSetup Setup = new()
    {
        Recognition = new RecognitionOptions { Recognition = "stored" },
    };

    private ClusterHost _cluster = null!;
    private TestServer[] _frontends = [];

    public async Task InitializeAsync()
    {
        _cluster = (ClusterHost)await ClusterHosts.TwoSilos.StartAsync(Setup);
        _frontends = await Task.WhenAll(_cluster.Silos.Cluster.Silos.Select(
            silo => TestServer.StartAsync(new SiloHost(silo, _cluster.Model))));
    }

    public async Task DisposeAsync()
    {
        foreach (var frontend in _frontends)
        {
            await frontend.DisposeAsync();
        }

        await _cluster.DisposeAsync();
    }

    // Each frontend knows its own creates. The history leads both tries to one conversation all the same.
    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Create_SentAgain_IsASecondTurnBesideTheFirst(int frontend, bool isFirstCancelled)
    {
        var first = isFirstCancelled ? TurnOutcome.Cancelled : TurnOutcome.Completed;
        using var begun = await PostAsync(0, """{"model":"echo","input":"one"}""", CancellationToken.None);
        var before = IdOf(begun);
        var output = begun.RootElement.GetProperty("output")[0].GetRawText();
        var again = $$"""
            {"model":"gated","input":[{{ResentChat.User("one")}},{{output}},{{ResentChat.User("two")}}]}
            """;

        using var leaving = new CancellationTokenSource();
        var left = PostAsync(0, again, leaving.Token);
        var call = await _cluster.Model.CallAsync("two");
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        var sent = PostAsync(frontend, again, CancellationToken.None);
        await (await _cluster.Model.CallAsync("two")).AnswerAsync("second");
        if (isFirstCancelled)
        {
            await call.Cancelled;
        }
        else
        {
            await call.AnswerAsync("first");
        }

        using var answered = await sent;
        var second = IdOf(answered);
        Assert.Equal(before.Conversation, second.Conversation);
        Assert.Equal(
            [TurnOutcome.Completed, first, TurnOutcome.Completed], await OutcomesAsync(before.Conversation, 3));

        // The client has the second answer, and goes on behind it.
        using var next = await PostAsync(frontend, $$"""
            {"model":"echo","input":[{{ResentChat.User("one")}},{{output}},{{ResentChat.User("two")}},
             {{answered.RootElement.GetProperty("output")[0].GetRawText()}},{{ResentChat.User("three")}}]}
            """, CancellationToken.None);
        Assert.Equal(before.Conversation, IdOf(next).Conversation);
        Assert.Equal(1, next.RootElement.GetProperty("evergrain").GetProperty("items_new").GetInt32());
    }

    private static ResponseId IdOf(JsonDocument response) =>
        ResponseId.TryParse(response.RootElement.GetProperty("id").GetString(), out var id)
            ? id
            : throw new FormatException("no id");

    private async Task<JsonDocument> PostAsync(int frontend, string create, CancellationToken cancellationToken)
    {
        using var http = _frontends[frontend].CreateHttpClient();
        using var content = new StringContent(create, System.Text.Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri("/v1/responses", UriKind.Relative), content, cancellationToken);
        return JsonDocument.Parse(
            await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync(cancellationToken));
    }

    /// <summary>How the turns of a conversation ended, once so many have.</summary>
    private async Task<IReadOnlyList<TurnOutcome>> OutcomesAsync(ConversationId conversation, int count)
    {
        using var patience = new CancellationTokenSource(TestServer.Patience);
        var key = new ConversationKey("default", conversation);
        while (true)
        {
            var ended = (await _cluster.ReadJournalAsync(key)).RecordsOf(key).OfType<TurnFinished>()
                .OrderBy(static turn => turn.Turn).Select(static turn => turn.Ending.Outcome).ToList();
            if (ended.Count == count)
            {
                return ended;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
        }
    }

    /// <summary>A silo's own view of the conversations; its owner disposes the silo.</summary>
    private sealed class SiloHost(InProcessSiloHandle silo, IModelBackend model) : ConversationsHost
    {
        public override ITurns Turns => silo.ServiceProvider.GetRequiredService<ITurns>();

        public override IConversations Conversations => silo.ServiceProvider.GetRequiredService<IConversations>();

        public override IReadOnlyList<IModelBackend> Backends { get; } = [model];
    }
}
