using System.Text;
using System.Text.Json;

namespace Evergrain.Load.Client;

/// <summary>
/// An agent's loop over HTTP that holds its history itself: each create has all of it, in the bytes of the time before,
/// and the model's items as they came back.
/// </summary>
internal sealed class Resending : IDisposable
{
    private readonly WireHttp _wire;
    private readonly MemoryStream _create = new();
    private readonly int _headLength;
    private bool _hasItems;

    /// <summary>Connects.</summary>
    /// <param name="port">The server's port.</param>
    /// <param name="store">Whether turns are stored.</param>
    public Resending(int port, bool store)
    {
        _wire = new WireHttp(port);
        Write($$"""{"model":"demo","store":{{(store ? "true" : "false")}},"input":[""");
        _headLength = (int)_create.Length;
    }

    /// <summary>The call that waits for its output.</summary>
    public string CallId { get; private set; } = string.Empty;

    /// <summary>Whether creates have the whole history; else they have what is new.</summary>
    public bool Resends { get; init; } = true;

    /// <summary>Adds an item.</summary>
    public void Add(string item)
    {
        Write((_hasItems ? "," : "") + item);
        _hasItems = true;
    }

    /// <summary>Sends a create, and adds what comes back.</summary>
    public void Run()
    {
        Write("]}");
        var answer = _wire.Post(_create.GetBuffer().AsSpan(0, (int)_create.Length));
        _create.SetLength(_create.Length - 2);
        if (!Resends)
        {
            _create.SetLength(_headLength);
            _hasItems = false;
        }

        var reader = new Utf8JsonReader(answer);
        using var response = JsonDocument.ParseValue(ref reader);
        foreach (var item in response.RootElement.GetProperty("output").EnumerateArray())
        {
            CallId = item.GetProperty("call_id").GetString()!;
            if (Resends)
            {
                Add(item.GetRawText());
            }
        }
    }

    public void Dispose()
    {
        _wire.Dispose();
        _create.Dispose();
    }

    private void Write(string text) => _create.Write(Encoding.UTF8.GetBytes(text));
}
