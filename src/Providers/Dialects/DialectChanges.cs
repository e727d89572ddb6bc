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

    /// <summary>What is wrong with a server's entries, a sentence each; ranges are checked elsewhere.</summary>
    public static IEnumerable<string> MistakesOf(DialectOptions entries)
    {
        (string Name, IEnumerable<string?>? Values, IReadOnlyList<string> Known)[] words =
        [
            (nameof(entries.LaterSystem), One(entries.LaterSystem), [Dialect.SystemRole, Dialect.UserRole]),
            (nameof(entries.ForcedFunction), One(entries.ForcedFunction), [Dialect.ObjectForm, Dialect.RequiredForm]),
            (nameof(entries.JsonObject), One(entries.JsonObject),
                [Dialect.PlainObject, Dialect.ObjectWithSchema, Dialect.ObjectAsSchema]),
            (nameof(entries.Members), entries.Members, DialectMembers.All),
            (nameof(entries.Efforts), entries.Efforts, Dialect.AllEfforts),
            (nameof(entries.ImageDetails), entries.ImageDetails, Dialect.AllImageDetails),
        ];
        foreach (var (name, values, known) in words)
        {
            foreach (var value in values ?? [])
            {
                if (value is not null && !known.Contains(value, StringComparer.Ordinal))
                {
                    yield return $"{name} '{value}' must be one of {string.Join(", ", known)}.";
                }
            }
        }

        (string Name, string? Json)[] objects =
        [
            (nameof(entries.NoThinking), entries.NoThinking), (nameof(entries.MustCall), entries.MustCall),
            (nameof(entries.ForeignCall), entries.ForeignCall),
        ];
        foreach (var (name, json) in objects)
        {
            if (json is not null && !IsObject(json))
            {
                yield return $"{name} '{json}' must be a JSON object, such as {{\"think\":false}}.";
            }
        }

        if (entries.SessionField is { } session && (session.Length is 0 or > NameCharsMax ||
            session.AsSpan().ContainsAnyExcept(NameChars)))
        {
            yield return $"SessionField '{session}' must be 1 to {NameCharsMax} of a-z and _.";
        }
    }

    private static IEnumerable<string?> One(string? value) => [value];

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
