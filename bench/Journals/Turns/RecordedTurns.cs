using System.Globalization;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Demo;

namespace Evergrain.Journals.Turns;

/// <summary>
/// The appends that a conversation hands to its journal in a long tool loop: two a turn, one with the tool's result and
/// the turn's start, one with the model's next call and the turn's end. Made once by the state machine itself, every
/// append durable at once and the model played by hand, and then played into any journal.
/// </summary>
internal sealed class RecordedTurns
{
    /// <summary>Items a turn adds: the tool's result, the model's call.</summary>
    public const int TurnItems = 2;

    /// <summary>Appends a turn makes.</summary>
    public const int TurnAppends = 2;

    private const string ToolName = "exec_command";
    private const int ToolsBytes = 18_000;
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddYears(56);
    private static readonly string Tools =
        $$"""[{"type":"function","name":"{{ToolName}}","description":"{{new string('d', ToolsBytes)}}"}]""";

    private readonly List<ReadOnlyMemory<byte>> _appends = [];
    private readonly ConversationKey _key = new("bench", new ConversationId(1));
    private readonly SeededIdSource _ids = new(1);
    private readonly Conversation _conversation;

    // The format before tags: the ids of turns follow from their numbers, and records fit any conversation.
    private RecordedTurns() => _conversation = new Conversation(_key, Writer, Models, _ids, static () => 2);

    /// <summary>The activation that wrote them.</summary>
    public static ulong Writer => 0x9E37_79B9_7F4A_7C15;

    /// <summary>The built-in model, whose rendering of an item is the item's own JSON.</summary>
    public static ModelCatalog Models { get; } = new([new DemoBackend(["demo"], TimeProvider.System)]);

    /// <summary>Framed records, in order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Appends => _appends;

    /// <summary>Records turns whose items have these sizes, as JSON.</summary>
    public static RecordedTurns Make(int turns, int inputBytes, int outputBytes)
    {
        var recorded = new RecordedTurns();
        for (var turn = 1; turn <= turns; turn++)
        {
            recorded.Run(turn, inputBytes, outputBytes);
        }

        return recorded._appends.Count == turns * TurnAppends
            ? recorded
            : throw new InvalidOperationException($"{turns} turns made {recorded._appends.Count} appends.");
    }

    /// <summary>A create that continues a turn of any conversation that holds these appends.</summary>
    public static byte[] Create(ConversationKey key, int turn, int inputBytes)
    {
        var parent = turn == 1 ? ""
            : $",\"previous_response_id\":\"{new ResponseId(key.Id, TurnId.Stored(turn - 1))}\"";
        return Encoding.UTF8.GetBytes(
            $$"""{"model":"demo"{{parent}},"tools":{{Tools}},"input":[{{Input(turn, inputBytes)}}]}""");
    }

    private static string Input(int turn, int bytes)
    {
        var head = turn == 1
            ? """{"type":"message","role":"user","content":" """
            : $$"""{"type":"function_call_output","call_id":"{{CallId(turn - 1)}}","output":" """;
        const string tail = "\"}";
        return head + Text(turn, bytes - head.Length - tail.Length) + tail;
    }

    /// <summary>Lines as tools print them, escaped as in JSON: three escapes in each 70 bytes.</summary>
    private static string Text(int seed, int bytes)
    {
        var text = new StringBuilder(bytes + 80);
        for (var line = 1; text.Length < bytes; line++)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"src/Program.cs:{seed + line}:    Console.WriteLine(\\\"the quick brown fox jumps\\\");\\n");
        }

        // Cut anywhere it could end inside an escape.
        text.Length = bytes;
        return text.ToString().TrimEnd('\\').PadRight(bytes);
    }

    private static string CallId(int turn) => string.Create(CultureInfo.InvariantCulture, $"call_{turn:00000}");

    private void Run(int number, int inputBytes, int outputBytes)
    {
        var turn = _conversation.StartTurn(new StartTurn
        {
            Key = _key,
            RequestId = _ids.Next128(),
            Lease = default,
            Create = Create(_key, number, inputBytes),
        }, Now).Turn;
        Settle();
        Say(turn, new ModelEvent(ModelEventKind.ItemStarted)
        {
            Item = OutputKind.FunctionCall, Name = ToolName, CallId = CallId(number),
        });
        Say(turn, new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.Arguments });
        var around = """{"type":"function_call","status":"completed","name":"","call_id":"","arguments":""}""".Length +
            ToolName.Length + CallId(number).Length;
        Say(turn, new ModelEvent(ModelEventKind.Delta)
        {
            Text = Encoding.UTF8.GetBytes(Text(number, outputBytes - around)),
        });
        Say(turn, new ModelEvent(ModelEventKind.PartDone));
        Say(turn, new ModelEvent(ModelEventKind.ItemDone));
        Say(turn, new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(1_000, 900, 100, 0) });
        Settle();
    }

    private void Say(TurnId turn, in ModelEvent model) => _conversation.OnModelEvent(turn, model, Now);

    private void Settle()
    {
        for (var isDone = false; !isDone;)
        {
            isDone = true;
            foreach (var append in _conversation.TakeEffects().OfType<Effect.Append>())
            {
                _appends.Add(append.Records);
                _conversation.OnAppended();
                isDone = false;
            }
        }
    }
}
