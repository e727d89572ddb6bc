using System.Buffers;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Demo;

namespace Evergrain.Micro;

/// <summary>
/// A conversation as a state machine alone: every append is durable at once, the model is played by hand.
/// </summary>
internal sealed class MicroConversation
{
    private const int ItemBytes = 2_000;
    private static readonly string Filler = new('d', 1_400);
    private const ulong Activation = 7;
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;
    private static readonly ModelCatalog Models = new([new DemoBackend(["demo"], TimeProvider.System)]);
    private static readonly string Tools = "[" + string.Join(',', Enumerable.Range(0, 12).Select(i =>
        $$$"""{"type":"function","name":"tool_{{{i}}}","description":"{{{Filler}}}","parameters":{}}""")) + "]";

    private readonly SeededIdSource _ids = new(1);
    private readonly ConversationKey _key = new("default", new ConversationId(1));
    private readonly Conversation _conversation;
    private ResponseId? _last;

    public MicroConversation(ModelCatalog? models = null) =>
        _conversation = new Conversation(_key, Activation, models ?? Models, _ids);

    /// <summary>The last call that a model was asked for.</summary>
    public ModelCall? Call { get; private set; }

    /// <summary>What was journaled, in order.</summary>
    public List<ReadOnlyMemory<byte>> Appends { get; } = [];

    /// <summary>A user message of 2,000 bytes.</summary>
    public static string Item() =>
        $$"""{"type":"message","role":"user","content":"{{new string('x', ItemBytes - 47)}}"}""";

    /// <summary>A tool's output of 2,000 bytes, an escape in each 25 of them.</summary>
    public static string EscapedItem() =>
        """{"type":"function_call_output","call_id":"call_1","output":"a""" +
        string.Concat(Enumerable.Repeat("\\n" + new string('x', 23), 77)) + "a\"}";

    /// <summary>A create that continues the last turn, with 18 KB of tools.</summary>
    public byte[] Create(int items, bool generate)
    {
        var parent = _last is null ? "" : $",\"previous_response_id\":\"{_last}\"";
        return Encoding.UTF8.GetBytes(
            $$"""{"model":"demo","generate":{{(generate ? "true" : "false")}}{{parent}},"tools":{{Tools}},"input":[""" +
            string.Join(',', Enumerable.Repeat(Item(), items)) + "]}");
    }

    /// <summary>Starts a turn; gives its number.</summary>
    public TurnId Start(byte[] create)
    {
        var response = _conversation.StartTurn(new StartTurn
        {
            Key = _key,
            RequestId = _ids.Next128(),
            Lease = default,
            Create = create,
        }, Now);
        Settle();
        _last = response;
        return response.Turn;
    }

    /// <summary>Feeds one model event.</summary>
    public void Say(TurnId turn, in ModelEvent model) => _conversation.OnModelEvent(turn, model, Now);

    /// <summary>Runs the effects until nothing is under way.</summary>
    public void Settle()
    {
        for (var isDone = false; !isDone;)
        {
            isDone = true;
            foreach (var effect in _conversation.TakeEffects())
            {
                Call = (effect as Effect.CallModel)?.Call ?? Call;
                if (effect is Effect.Append append)
                {
                    Appends.Add(append.Records);
                    _conversation.OnAppended();
                    isDone = false;
                }
            }
        }
    }

    /// <summary>Writes all that it holds.</summary>
    public void Dehydrate(IBufferWriter<byte> output) => _conversation.Dehydrate(output);

    /// <summary>A conversation that takes over what another one held.</summary>
    public static Conversation Rehydrate(ReadOnlyMemory<byte> snapshot, ModelCatalog models)
    {
        var conversation = new Conversation(new ConversationKey("default", new ConversationId(1)), Activation + 1,
            models, new SeededIdSource(2));
        conversation.Rehydrate(snapshot, Now);
        return conversation;
    }

    /// <summary>Opens a conversation from a journal.</summary>
    public static Conversation Recover(IReadOnlyList<ReadOnlyMemory<byte>> appends)
    {
        var conversation = new Conversation(new ConversationKey("default", new ConversationId(1)), Activation + 1,
            Models, new SeededIdSource(2));
        for (var i = 0; i < appends.Count; i++)
        {
            conversation.Recover(new JournalEntry(i, Activation, appends[i]));
        }

        return conversation;
    }
}
