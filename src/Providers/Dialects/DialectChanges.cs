using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Dialects;

/// <summary>Puts what a server's settings say in the place of what its dialect has.</summary>
internal static class DialectChanges
{
    private const int MarkBytes = 4;
    private const int NameCharsMax = 64;

    private static readonly SearchValues<char> NameChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_");

    /// <summary>The dialect as one server speaks it.</summary>
    public static Dialect Apply(Dialect dialect, ModelServerOptions server)
    {
        var entries = server.DialectEntries;
        var changed = dialect with
        {
            OutputLimitField = server.OutputLimitField ?? dialect.OutputLimitField,
            ReasoningField = server.ReasoningField ?? dialect.ReasoningField,
            Members = ListOf(entries.Members) ?? dialect.Members,
            Efforts = ListOf(entries.Efforts) ?? dialect.Efforts,
            LaterSystem = entries.LaterSystem ?? dialect.LaterSystem,
            Alternates = entries.Alternates ?? dialect.Alternates,
            ParallelCalls = entries.ParallelCalls ?? dialect.ParallelCalls,
            ReasoningWithCalls = entries.ReasoningWithCalls ?? dialect.ReasoningWithCalls,
            NoThinking = MembersOf(entries.NoThinking) ?? dialect.NoThinking,
            MustCall = MembersOf(entries.MustCall) ?? dialect.MustCall,
            ForeignCall = MembersOf(entries.ForeignCall) ?? dialect.ForeignCall,
            CallIdLength = entries.CallIdLength ?? dialect.CallIdLength,
            ForcedFunction = entries.ForcedFunction ?? dialect.ForcedFunction,
            JsonObject = entries.JsonObject ?? dialect.JsonObject,
            JsonSchema = entries.JsonSchema ?? dialect.JsonSchema,
            ImageDetails = ListOf(entries.ImageDetails) ?? dialect.ImageDetails,
            Files = entries.Files ?? dialect.Files,
            Audio = entries.Audio ?? dialect.Audio,
            LogprobsMax = entries.LogprobsMax ?? dialect.LogprobsMax,
            SessionField = entries.SessionField ?? dialect.SessionField,
        };

        // Processes whose settings differ must not take over each other's bytes.
        var difference = JsonSerializer.SerializeToUtf8Bytes(changed);
        return difference.AsSpan().SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(dialect))
            ? dialect
            : changed with { Mark = $"{dialect.Name}-{DigestOf(difference)}" };
    }

    /// <summary>Whether a server's settings change no entry of its dialect.</summary>
    public static bool AreNone(ModelServerOptions server) =>
        server is { ReasoningField: null, OutputLimitField: null } &&
        Array.TrueForAll(typeof(DialectOptions).GetProperties(),
            property => property.GetValue(server.DialectEntries) is null);

    /// <summary>What is wrong with a server's entries, a sentence each.</summary>
    public static IEnumerable<string> MistakesOf(DialectOptions entries)
    {
        (string Name, string? Value, string[] Known)[] words =
        [
            ("LaterSystem", entries.LaterSystem, [Dialect.SystemRole, Dialect.UserRole]),
            ("ForcedFunction", entries.ForcedFunction, [Dialect.ObjectForm, Dialect.RequiredForm]),
            ("JsonObject", entries.JsonObject,
                [Dialect.PlainObject, Dialect.ObjectWithSchema, Dialect.ObjectAsSchema]),
        ];
        foreach (var (name, value, known) in words)
        {
            if (value is not null && !known.Contains(value, StringComparer.Ordinal))
            {
                yield return $"DialectEntries: {name} '{value}' must be {string.Join(" or ", known)}.";
            }
        }

        foreach (var member in entries.Members ?? [])
        {
            if (!DialectMembers.All.Contains(member, StringComparer.Ordinal))
            {
                yield return
                    $"DialectEntries: Members '{member}' must be one of {string.Join(", ", DialectMembers.All)}.";
            }
        }

        foreach (var json in new[] { entries.NoThinking, entries.MustCall, entries.ForeignCall })
        {
            if (json is not null && !IsObject(json))
            {
                yield return $"DialectEntries: '{json}' must be a JSON object.";
            }
        }

        if (entries.CallIdLength is < 0 or > 21 || entries.LogprobsMax is < 0 or > 1_000)
        {
            yield return "DialectEntries: CallIdLength must be 0 to 21 and LogprobsMax 0 to 1000.";
        }

        if (entries.SessionField is { } session && (session.Length is 0 or > NameCharsMax ||
            session.AsSpan().ContainsAnyExcept(NameChars)))
        {
            yield return $"DialectEntries: SessionField '{session}' must be 1 to {NameCharsMax} of a-z and _.";
        }
    }

    private static bool IsObject(string json)
    {
        try
        {
            return JsonElement.Parse(json).ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>An object's members, each with the comma before it.</summary>
    private static string? MembersOf(string? json) => json is null ? null : string.Concat(
        JsonElement.Parse(json).EnumerateObject().Select(static member =>
            $",{JsonSerializer.Serialize(member.Name)}:{member.Value.GetRawText()}"));

    private static string DigestOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes)[..MarkBytes]);

    private static IReadOnlyList<string>? ListOf(IList<string>? given) => given is null ? null : [.. given];
}
