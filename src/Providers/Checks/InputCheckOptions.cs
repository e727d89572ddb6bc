using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Hosts;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Providers.Checks;

/// <summary>
/// A check on new input: rules, an HTTP endpoint, or both, the rules first. Section <c>Evergrain:InputCheck</c>;
/// without the section nothing is checked.
/// </summary>
public sealed class InputCheckOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Evergrain:InputCheck";

    /// <summary>
    /// Where new input is posted: an absolute http or https URL without credentials. Default none. Redirects are not
    /// followed, and no proxy is used: the input goes there and nowhere else.
    /// </summary>
    public string? Url { get; set; }

    /// <summary>
    /// The environment variable that holds the key sent to <see cref="Url"/> as <c>Authorization: Bearer</c>. Default
    /// none.
    /// </summary>
    public string? KeyVariable { get; set; }

    /// <summary>Rules, tried in order. Default none, at most 256.</summary>
    [MaxLength(256)]
    public IList<InputRule> Rules { get; init; } = [];

    /// <summary>
    /// How long the whole check of a turn may take, 10 ms to 1 minute. Default 2 s. A single rule that is being matched
    /// may add <see cref="MatchTimeout"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one rule may work on one text, 1 ms to 10 s. Default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:10")]
    public TimeSpan MatchTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// What a check means that could not be made: the endpoint was away, too slow, or said something else than an
    /// answer; a rule took too long. <c>Refuse</c> (default): the turn is refused with 503. <c>Allow</c>: it begins.
    /// </summary>
    [EnumDataType(typeof(FailureMeaning))]
    public FailureMeaning OnFailure { get; set; }

    /// <summary>Reads the section; null: it is not there.</summary>
    public static InputCheckOptions? Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var section = configuration.GetSection(Section);
        return section.Exists() ? section.Get<InputCheckOptions>() ?? new InputCheckOptions() : null;
    }

    /// <summary>Every mistake, each a sentence that names the setting; empty if there is none.</summary>
    public IReadOnlyList<string> FindMistakes()
    {
        List<string> mistakes = [.. OptionRules.FindMistakes(this, "InputCheck")];
        if (Url is null && Rules.Count == 0)
        {
            mistakes.Add("InputCheck: give a Url, or Rules, or leave the section out.");
        }

        mistakes.AddRange(FindEndpointMistakes());
        mistakes.AddRange(Rules.SelectMany((rule, i) => rule.FindMistakes($"InputCheck:Rules:{i}", MatchTimeout)));
        mistakes.AddRange(Rules.GroupBy(static rule => rule.Name, StringComparer.Ordinal)
            .Where(static group => !string.IsNullOrEmpty(group.Key) && group.Count() > 1)
            .Select(static group => $"InputCheck:Rules: '{group.Key}' is there {group.Count()} times."));
        return mistakes;
    }

    /// <summary>The key for <see cref="Url"/>; null for none.</summary>
    internal string? ReadKey() => KeyVariable is null ? null : Environment.GetEnvironmentVariable(KeyVariable);

    private IEnumerable<string> FindEndpointMistakes()
    {
        var isUrl = Uri.TryCreate(Url, UriKind.Absolute, out var url) &&
            (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps);
        if (Url is not null && !isUrl)
        {
            yield return "InputCheck:Url: it must be an absolute http or https URL.";
        }

        if (isUrl && url!.UserInfo.Length > 0)
        {
            yield return "InputCheck:Url: it must hold no credentials; name a variable in KeyVariable.";
        }

        if (KeyVariable is not null && Url is null)
        {
            yield return "InputCheck:KeyVariable: there is no Url to send the key to.";
        }
        else if (KeyVariable is not null && !IsKey(ReadKey()))
        {
            yield return $"InputCheck:KeyVariable: the environment variable '{KeyVariable}' is not set to a key.";
        }
    }

    // What a header can carry.
    private static bool IsKey(string? key) =>
        key is { Length: > 0 } && key.All(static letter => letter is > ' ' and < '\x7f');
}

/// <summary>What a check means that could not be made.</summary>
public enum FailureMeaning
{
    /// <summary>The turn is refused: 503, try again.</summary>
    Refuse,

    /// <summary>The turn begins as if it had been allowed.</summary>
    Allow,
}
