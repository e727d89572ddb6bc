using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>How one API spells what a model says, written from the API's public reference.</summary>
internal abstract class Dialect
{
    /// <summary>The implementation that must understand it.</summary>
    public abstract IModelApi Api { get; }

    /// <summary>Where calls go, behind the base URL.</summary>
    public abstract string Path { get; }

    /// <summary>The texts of the user in a request's body.</summary>
    public abstract IEnumerable<string> UserTexts(JsonNode body);

    /// <summary>The names of the functions that a request offers.</summary>
    public abstract IEnumerable<string> Functions(JsonNode body);

    /// <summary>Spells an answer, one text for each server-sent event.</summary>
    public abstract IReadOnlyList<string> Spell(NeutralAnswer answer);

    /// <summary>Spells the event by which a server says that it fails.</summary>
    public abstract string Fail(string code, string message);

    protected static string Frame(JsonNode data) => $"data: {data.ToJsonString(Compact)}\n\n";

    private static readonly JsonSerializerOptions Compact = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
