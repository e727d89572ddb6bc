using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <summary>A client that sends its whole history with each create, as most clients do.</summary>
/// <param name="host">The host.</param>
/// <param name="tenant">Whose client it is.</param>
/// <param name="more">Members that each of its creates has, with a comma behind each.</param>
/// <param name="lease">Its connection.</param>
internal sealed class ResentChat(ContractHost host, string tenant = "default", string more = "", ulong lease = 1)
{
    private readonly ContractClient _client = new(host, tenant, lease);
    private IReadOnlyList<string> _sent = [];

    /// <summary>By which frontend its creates go; null: the host's.</summary>
    public ITurns? Frontend { get; set; }

    /// <summary>Whether its creates are stored.</summary>
    public bool IsStored { get; set; } = true;

    /// <summary>The session that its connection names; null: none.</summary>
    public string? Session { get; init; }

    /// <summary>How it sends output items back: see <see cref="SentBack"/>. As they came, by default.</summary>
    public Func<JsonElement, string?> Sends { get; init; } = SentBack.Whole;

    /// <summary>The items so far, as JSON.</summary>
    public List<string> Items { get; init; } = [];

    /// <summary>The same client with the same history, which goes its own way from here.</summary>
    public ResentChat Fork() => new(host, tenant, more, lease)
    {
        Items = [.. Items],
        Session = Session,
        Sends = Sends,
        IsStored = IsStored,
    };

    public static string User(string text) => $$"""{"role":"user","content":{{JsonSerializer.Serialize(text)}}}""";

    public static string ToolOutput(string callId, string output) =>
        $$"""{"type":"function_call_output","call_id":"{{callId}}","output":"{{output}}"}""";

    /// <summary>Says something, and takes the answer into its history.</summary>
    public async Task<ResponseId> SayAsync(string text, string model = "echo")
    {
        Items.Add(User(text));
        return await SendAsync(model);
    }

    /// <summary>Sends what it has, and takes the answer into its history.</summary>
    public async Task<ResponseId> SendAsync(string model = "echo")
    {
        var id = await StartAsync(model);
        await TakeAsync(id);
        return id;
    }

    /// <summary>Says something as <see cref="SayAsync"/> does, in a request of its own.</summary>
    public async Task<ResponseId> AskAsync(string text)
    {
        var id = await SayAsync(text);
        await LeaveAsync(id);
        return id;
    }

    /// <summary>The request of a response ends: it is not found any more, unless it is stored.</summary>
    public Task LeaveAsync(ResponseId id) => _client.ReleaseAsync(id.Conversation);

    /// <summary>Cancels a response of its.</summary>
    public Task CancelAsync(ResponseId id) => _client.CancelAsync(id);

    /// <summary>Takes the output of a response into its history.</summary>
    public async Task TakeAsync(ResponseId id)
    {
        await _client.ReadAsync(id);
        Items.AddRange((await _client.GetAsync(id)).GetProperty("output").EnumerateArray()
            .Select(Sends).OfType<string>());
    }

    /// <summary>Sends what it has.</summary>
    /// <param name="model">The model.</param>
    /// <param name="mayBeKnown">Whether anybody looks whether the history is known.</param>
    public async Task<ResponseId> StartAsync(string model = "echo", bool mayBeKnown = true)
    {
        var create = Create(model);
        _sent = [.. Items];
        var turns = Frontend ?? host.Turns;
        return await turns.StartTurnAsync(new StartTurn
        {
            Key = new ConversationKey(tenant, ContractClient.NewConversation()),
            RequestId = ContractClient.NewRequest(),
            Lease = _client.Lease,
            MayBeKnown = mayBeKnown,
            Origin = new TurnOrigin(null, Session),
            Create = create,
            Known = mayBeKnown ? turns.FindPrefix(tenant, create) : null,
        }, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);
    }

    /// <summary>Whether the server has read the beginning of what it would send now.</summary>
    public bool IsReadBefore() => host.Turns.FindPrefix(tenant, Create("echo")) is not null;

    /// <summary>The digest that the same history has in a conversation of its own, answer included.</summary>
    public async Task<string> DigestElsewhereAsync(string model = "echo")
    {
        var id = await StartAsync(model, mayBeKnown: false);
        await _client.ReadAsync(id);
        return await _client.DigestAsync(id);
    }

    /// <summary>
    /// The digest behind the output of the response that it asked for last: what it sent, in a conversation of its own,
    /// and the output as the server gave it.
    /// </summary>
    public async Task<string> DigestOfLastAsync(ResponseId id)
    {
        var sent = new ResentChat(host, tenant, more + "\"generate\":false,", lease)
        {
            Items = [.. _sent], IsStored = IsStored,
        };
        var alone = await sent.StartAsync(mayBeKnown: false);
        await _client.ReadAsync(alone);
        var digest = Digest.From(Convert.FromHexString(await _client.DigestAsync(alone)));
        foreach (var item in (await _client.GetAsync(id)).GetProperty("output").EnumerateArray())
        {
            digest = ItemDigest.Chain(digest, Encoding.UTF8.GetBytes(item.GetRawText()));
        }

        return digest.ToString();
    }

    private byte[] Create(string model)
    {
        var store = IsStored ? "true" : "false";
        return Encoding.UTF8.GetBytes(
            $$"""{"model":"{{model}}","store":{{store}},{{more}}"input":[{{string.Join(',', Items)}}]}""");
    }
}
