using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Moving;

/// <summary>A turn as its client knows it.</summary>
internal sealed record ClientTurn(ResponseId Id, LeaseId Lease, StartTurn Start)
{
    /// <summary>What its context had for a digest when it ended; null: it did not.</summary>
    public Digest? Digest { get; set; }
}

/// <summary>
/// Two activations that should be one conversation: asks both the same, and wants the same words, the same context and
/// no more work. What arrives may hold a rendering that the other one has just dropped: one of its two does not move.
/// </summary>
internal sealed class Twins(Conversation left, Conversation right, DateTimeOffset now, string name)
{
    // A rendering of this model's backend does not move: it is made again.
    public const string UnmovableModel = "u";
    private static readonly string[] Models = ["m", "n", UnmovableModel];
    private readonly SeededIdSource _requests = new(77);

    public void Check(IReadOnlyList<ClientTurn> turns)
    {
        Equal("rest", conversation => $"{conversation.IsAtRest} {conversation.IsIdle} {conversation.End}");
        foreach (var turn in turns)
        {
            CheckReading(turn);
            CheckRequest(turn);
            Equal($"history of {turn.Id}", conversation =>
                (turn.Digest is { } digest && conversation.MayContinue(turn.Id.Turn, digest)).ToString());
            foreach (var model in Models)
            {
                CheckContinuation(turn, model, isRecognised: false);
            }

            CheckContinuation(turn, Models[0], isRecognised: true);
        }
    }

    private void CheckReading(ClientTurn turn)
    {
        var (id, lease) = (turn.Id.Turn, turn.Lease);
        Equal($"body of {id}", conversation => Text(conversation.Get(id, lease)));
        Equal($"input of {id}", conversation => Text(conversation.ListInputItems(id, lease, new ItemPage(100))));
        Equal($"output of {id}", conversation => Text(conversation.GetOutputItem(id, lease, 1)));
        Equal($"events of {id}", conversation => Events(conversation, id, lease));
    }

    private void CheckRequest(ClientTurn turn)
    {
        var (start, last) = (turn.Start, turn.Start.RequestId ^ 1);
        Equal($"request of {turn.Id}", conversation => conversation.Knows(start).ToString());
        Equal($"another request of {turn.Id}",
            conversation => conversation.Knows(start with { RequestId = last }).ToString());
        Equal($"another keyed request of {turn.Id}",
            conversation => conversation.Knows(start with { RequestId = last, IsKeyed = true }).ToString());
    }

    private void CheckContinuation(ClientTurn turn, string model, bool isRecognised)
    {
        var calls = OpenCalls(turn);
        var start = new StartTurn
        {
            Key = turn.Start.Key,
            RequestId = _requests.Next128(),
            Lease = turn.Lease,
            IsRecognised = isRecognised,
            Create = Encoding.UTF8.GetBytes($$"""
                {"model":"{{model}}","store":false,"previous_response_id":"{{turn.Id}}","instructions":"p",
                 "input":[{{string.Join(',', calls)}}]}
                """),
        };
        var works = new List<ConversationWork>();
        Equal($"continuation of {turn.Id} with {model}", conversation =>
        {
            var before = conversation.Work;
            try
            {
                return Context(conversation, conversation.StartTurn(start, now), turn.Lease);
            }
            finally
            {
                conversation.TakeEffects();
                works.Add(new ConversationWork(conversation.Work.Validated - before.Validated,
                    model == UnmovableModel ? 0 : conversation.Work.Rendered - before.Rendered, 0,
                    conversation.Work.Recovered - before.Recovered, conversation.Work.Claims - before.Claims,
                    conversation.Work.JournaledBytes - before.JournaledBytes));
            }
        });
        var (stayed, moved) = (works[0], works[1]);
        Assert.True(moved.Rendered <= stayed.Rendered && moved == stayed with { Rendered = moved.Rendered },
            $"{name}: work of {turn.Id} with {model}: {stayed} and {moved}");
    }

    private IEnumerable<string> OpenCalls(ClientTurn turn)
    {
        try
        {
            using var body = System.Text.Json.JsonDocument.Parse(left.Get(turn.Id.Turn, turn.Lease));
            return [.. body.RootElement.GetProperty("output").EnumerateArray()
                .Where(item => item.TryGetProperty("call_id", out _))
                .Select(item => $$"""
                    {"type":"function_call_output","call_id":"{{item.GetProperty("call_id")}}","output":"done"}
                    """)];
        }
        catch (ConversationException)
        {
            return [];
        }
    }

    private string Context(Conversation conversation, ResponseId id, LeaseId lease)
    {
        var call = conversation.TakeEffects().OfType<Effect.CallModel>().Single().Call;
        var text = new StringBuilder(
            $"{call.Context.ItemCount} {call.Context.Bytes} {call.Context.Tokens} {call.TokensBefore} " +
            $"{call.Context.State} {call.Affinity} {call.NewItems}\n");
        foreach (var chunk in call.Context.Chunks())
        {
            text.Append(Text(chunk));
        }

        foreach (var (field, json) in call.Parameters.All)
        {
            text.Append(field).Append(Text(json));
        }

        conversation.Delete(id.Turn, lease, now);
        return text.ToString();
    }

    private string Events(Conversation conversation, TurnId id, LeaseId lease)
    {
        conversation.Attach(id, lease, now);
        var events = new StringBuilder();
        ReadStep step;
        var count = 0;
        do
        {
            step = conversation.Read(id, lease, count);
            count += step.Events.Count;
            foreach (var json in step.Events)
            {
                events.AppendLine(Text(json));
            }
        }
        while (step.Events.Count > 0 && !step.IsLast);
        conversation.Detach(id, now);
        return events.Append(step.IsLast).ToString();
    }

    private void Equal(string what, Func<Conversation, string> ask)
    {
        var (first, second) = (Answer(left, ask), Answer(right, ask));
        Assert.True(first == second, $"{name}: {what}:\n{first}\n{second}");
    }

    private static string Answer(Conversation conversation, Func<Conversation, string> ask)
    {
        try
        {
            return ask(conversation);
        }
        catch (ConversationException e)
        {
            return e.GetType().Name + ": " + e.Message;
        }
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
