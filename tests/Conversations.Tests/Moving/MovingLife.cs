using System.Globalization;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Turns;

namespace Evergrain.Conversations.Tests.Moving;

/// <summary>
/// A random life of a conversation: forks, calls, deletes, evictions, cut and abandoned turns, unstored turns of three
/// connections, several renderings.
/// </summary>
internal sealed class MovingLife
{
    private static readonly string[] Texts =
        ["", "plain", "quo\"te \\ / \n\t", "\u0000\u001f", "日本語 é", "👩‍👩‍👧‍👦 😀", "e\u0301", new('x', 3000)];

    private readonly Random _random;
    private readonly List<ClientTurn> _turns = [];
    private int _calls;

    public MovingLife(int seed)
    {
        _random = new Random(seed);
        if (seed % 2 == 0)
        {
            Driver.Keep(TimeSpan.FromMinutes(1));
        }
    }

    public ConversationDriver Driver { get; } = new(Backends());

    public IReadOnlyList<ClientTurn> Turns => _turns;

    /// <summary>Inputs that were refused.</summary>
    public int Refused { get; private set; }

    /// <summary>The same backends, as another process has them.</summary>
    public static IModelBackend[] Backends() =>
    [
        new ScriptedBackend(), new ScriptedBackend("n", "noted"),
        new ScriptedBackend(Twins.UnmovableModel, "unmovable", moves: false),
    ];

    public void Step()
    {
        switch (_random.Next(12))
        {
            case 0 when _turns.Count > 0:
                Delete(_turns[_random.Next(_turns.Count)]);
                break;
            case 1:
                Driver.Conversation.Release(new LeaseId((ulong)_random.Next(1, 4)), Driver.Now);
                Driver.Take();
                break;
            case 2:
                Driver.Now += TimeSpan.FromSeconds(_random.Next(40));
                Driver.Conversation.OnTime(Driver.Now);
                Driver.Take();
                break;
            case 3 when _random.Next(4) == 0:
                Driver.Restart();
                break;
            default:
                Turn();
                break;
        }

        Driver.AppendAll();
    }

    private void Delete(ClientTurn turn)
    {
        // A conversation without any response is deleted: here some are to stay.
        if (_random.Next(3) == 0 && turn.Id.Turn is not { Number: 1 })
        {
            Try(() => Driver.Conversation.Delete(turn.Id.Turn, turn.Lease, Driver.Now));
        }
    }

    private void Turn()
    {
        var parent = _turns.Count == 0 || _random.Next(8) == 0 ? null
            : _turns[_random.Next(3) == 0 ? _random.Next(_turns.Count) : _turns.Count - 1];
        var isStored = _random.Next(3) > 0 && parent?.Id.Turn.IsStored != false;
        var lease = parent is { Id.Turn.IsStored: false } ? parent.Lease : new LeaseId((ulong)_random.Next(1, 4));
        var warmUp = _random.Next(6) == 0 ? "false" : "true";
        var previous = parent is null ? string.Empty : $"\"previous_response_id\":\"{parent.Id}\",";
        var start = new StartTurn
        {
            Key = Driver.Key,
            RequestId = Driver.Requests.Next128(),
            IsKeyed = _random.Next(2) == 0,
            Lease = lease,
            IsBackground = isStored && _random.Next(5) == 0,
            IsCancelled = _random.Next(12) == 0,
            Dialect = (EventDialect)_random.Next(2),
            Create = Encoding.UTF8.GetBytes($$"""
                {"model":"{{Pick(["m", "m", "n", Twins.UnmovableModel])}}","store":{{(isStored ? "true" : "false")}},
                 {{previous}}"generate":{{warmUp}},"input":[{{string.Join(',', Input(parent))}}],
                 "instructions":{{JsonSerializer.Serialize(Pick(Texts))}},"text":{"verbosity":"low"} }
                """),
        };
        Try(() =>
        {
            var id = Driver.Conversation.StartTurn(start, Driver.Now);
            var turn = new ClientTurn(id, start.Lease, start);
            _turns.Add(turn);
            Driver.Take();
            Answer(id);
            Driver.AppendAll();
            turn.Digest = DigestOf(turn);
        });
    }

    private List<string> Input(ClientTurn? parent)
    {
        var input = new List<string>();
        if (parent is not null)
        {
            Try(() =>
            {
                using var body =
                    JsonDocument.Parse(Driver.Conversation.Get(parent.Id.Turn, parent.Lease));
                foreach (var item in body.RootElement.GetProperty("output").EnumerateArray())
                {
                    if (item.TryGetProperty("call_id", out var callId))
                    {
                        input.Add(
                            $$"""{"type":"function_call_output","call_id":"{{callId}}","output":"done"}""");
                    }
                }
            });
        }

        for (var count = _random.Next(4); count > 0; count--)
        {
            input.Add($$"""{ "role":"user","content":{{JsonSerializer.Serialize(Pick(Texts) + Pick(Texts))}}}""");
        }

        return input;
    }

    private void Answer(ResponseId id)
    {
        for (var count = _random.Next(4); count > 0; count--)
        {
            var item = _random.Next(2) == 0
                ? ConversationDriver.Message(Pick(Texts))
                : ConversationDriver.Call(string.Create(CultureInfo.InvariantCulture, $"call_{_calls++}"));
            if (_random.Next(3) == 0)
            {
                item[^1] = item[^1] with { ServerId = "up_" + _calls };
            }

            Driver.Model(id, item);
        }

        switch (_random.Next(7))
        {
            case 0:
                Driver.Model(id, ConversationDriver.Message("never whole")[..^2]);
                Driver.Model(id, new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" });
                break;
            case 1:
                Driver.Model(id, ConversationDriver.Message("never whole")[..^2]);
                Driver.Model(id, new ModelEvent(ModelEventKind.Failed) { Code = "server_error", Message = "x" });
                break;
            case 2:
                Driver.Conversation.Cancel(id.Turn, _turns[^1].Lease, Driver.Now);
                Driver.Take();
                break;
            case 3 when _random.Next(3) == 0:
                Driver.AppendAll();
                Driver.Restart();
                break;
            default:
                Driver.Model(id, new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(9, 1, 2, 0) });
                break;
        }
    }

    private Digest? DigestOf(ClientTurn turn)
    {
        using var body = JsonDocument.Parse(Driver.Conversation.Get(turn.Id.Turn, turn.Lease));
        return body.RootElement.TryGetProperty("evergrain", out var ended)
            ? Digest.From(Convert.FromHexString(ended.GetProperty("digest").GetString()!))
            : null;
    }

    // A turn whose parent is gone, or that is deleted already, is refused: so it is with clients.
    private void Try(Action input)
    {
        try
        {
            input();
        }
        catch (ConversationException)
        {
            Refused++;
        }

        Driver.Take();
    }

    private string Pick(string[] from) => from[_random.Next(from.Length)];
}
