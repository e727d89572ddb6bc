using System.Globalization;
using System.Text.Json;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>
/// Chooses what a client does next, by chance from a seed: it answers the calls that wait, begins another task of one
/// to four scripted steps, forks from an older turn, or begins a conversation.
/// </summary>
/// <param name="client">Its number.</param>
/// <param name="random">The client's own.</param>
/// <param name="shared">Conversations that it forks, with whoever else has them.</param>
internal sealed class TurnChooser(int client, Random random, List<SentConversation> shared)
{
    private const int TurnsBeforeAnother = 12;
    private const int ConversationsForked = 2;
    private int _made;

    /// <summary>The next turn; null parent: the client's conversation begins.</summary>
    public SentTurn Next(SentTurn? last)
    {
        var isLong = last?.Conversation.Turns.Count >= TurnsBeforeAnother;
        if (last is null || (isLong && random.Next(4) == 0))
        {
            return Make(null);
        }

        var isTask = !last.Response!.AnswersToCalls("").Any();
        return Continue(isTask && random.Next(5) == 0 ? AnyEnded() ?? last : last);
    }

    /// <summary>A turn that continues an ended one.</summary>
    public SentTurn Continue(SentTurn parent) => Make(parent);

    private SentTurn? AnyEnded()
    {
        lock (shared)
        {
            var ended = shared.TakeLast(ConversationsForked).SelectMany(conversation => conversation.Turns)
                .Where(turn => turn.Response is not null).ToList();
            return ended.Count == 0 ? null : ended[random.Next(ended.Count)];
        }
    }

    private SentTurn Make(SentTurn? parent)
    {
        var nonce = string.Create(CultureInfo.InvariantCulture, $"n{client}-{_made++}");
        var input = parent?.Response!.AnswersToCalls($"answer {nonce}").ToList() ?? [];
        if (input.Count == 0)
        {
            input.Add(Task(nonce));
        }

        var turn = new SentTurn
        {
            Nonce = nonce,
            Client = client,
            Conversation = parent?.Conversation ?? Begin(),
            Parent = parent,
            Input = input,
        };
        turn.Conversation.Add(turn);
        return turn;
    }

    private SentConversation Begin()
    {
        var begun = new SentConversation();
        lock (shared)
        {
            shared.Add(begun);
        }

        return begun;
    }

    private JsonElement Task(string nonce)
    {
        var steps = Enumerable.Range(0, random.Next(1, 5)).Select(i => Step(nonce, i));
        var text = $"task {nonce}\n@@script [{string.Join(',', steps)}]";
        return JsonSerializer.SerializeToElement(new { type = "message", role = "user", content = Parts(text) });
    }

    private static object[] Parts(string text) => [new { type = "input_text", text }];

    private string Step(string nonce, int i)
    {
        var call = $$"""{"call":"lookup","args":{"key":"{{nonce}}.{{i}}","why":"to see what is there"}""";
        var custom = $$"""{"custom":"run","input":"print {{nonce}}.{{i}} and then some more"{{Pace()}}}""";
        return random.Next(5) switch
        {
            0 => $$"""{"parallel":[{{call}}{{Pace()}}},{{custom}}]}""",
            1 => $$"""{"think":"what about {{nonce}}","then":{{call}}}{{Pace()}}}""",
            2 => $$"""{"say":"{{nonce}} says a few words that take a while"{{Pace()}}}""",
            3 => custom,
            _ => $$"""{{call}}{{Pace()}}}""",
        };
    }

    private string Pace() => string.Create(CultureInfo.InvariantCulture,
        $$""","delay_ms":{{random.Next(30)}},"chunk_ms":{{random.Next(6)}}""");
}
