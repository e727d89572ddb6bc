using System.CommandLine;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Evergrain.Providers.Servers;

namespace Evergrain.Silo.Composition;

/// <summary>
/// The options of the one model server that the command line names: one for each property of its settings.
/// </summary>
internal sealed class ModelServerFlags
{
    private const string Section = "ModelServer";

    // These have options of their own.
    private static readonly string[] Others =
        [nameof(ModelServerOptions.Urls), nameof(ModelServerOptions.Api), nameof(ModelServerOptions.Key)];

    private static readonly ModelServerOptions Defaults = new();

    private readonly List<Flag> _flags =
    [
        .. typeof(ModelServerOptions).GetProperties()
            .Where(static property => property.IsDefined(typeof(DescriptionAttribute)) &&
                !Others.Contains(property.Name, StringComparer.Ordinal))
            .Select(static property => new Flag(property.Name, OptionOf(property))),
    ];

    /// <summary>The options, in the order of the properties.</summary>
    public IEnumerable<Option> Options => _flags.Select(static flag => flag.Option);

    /// <summary>What the command line gives, by setting.</summary>
    /// <param name="line">The command line.</param>
    /// <param name="moreUrls">The server's URLs behind the first.</param>
    public IEnumerable<KeyValuePair<string, string?>> Read(ParseResult line, IEnumerable<string> moreUrls) =>
        _flags.SelectMany(flag => flag.Option is Option<string[]> list
                ? List(flag.Setting, line.GetValue(list) ?? [])
                : [new(SettingOf(flag.Setting), line.GetValue((Option<string?>)flag.Option))])
            .Concat(List(nameof(ModelServerOptions.Urls), moreUrls));

    private static IEnumerable<KeyValuePair<string, string?>> List(string setting, IEnumerable<string> values) =>
        values.Select((value, index) => new KeyValuePair<string, string?>(
            string.Create(CultureInfo.InvariantCulture, $"{SettingOf(setting)}:{index}"), value));

    private static string SettingOf(string property) => $"{Section}:{property}";

    private static Option OptionOf(PropertyInfo property)
    {
        var name = "--model" + string.Concat(property.Name.Select(static letter =>
            char.IsUpper(letter) ? $"-{char.ToLowerInvariant(letter)}" : $"{letter}"));
        return property.PropertyType == typeof(IList<string>)
            ? new Option<string[]>(name) { Description = DescriptionOf(property), HelpName = HelpNameOf(property) }
            : new Option<string?>(name) { Description = DescriptionOf(property), HelpName = HelpNameOf(property) };
    }

    private static string DescriptionOf(PropertyInfo property)
    {
        var text = property.GetCustomAttribute<DescriptionAttribute>()!.Description;
        var range = property.GetCustomAttribute<RangeAttribute>() is { } bounds
            ? $", {bounds.Minimum} to {bounds.Maximum}"
            : "";
        var value = Convert.ToString(property.GetValue(Defaults), CultureInfo.InvariantCulture);
        return string.IsNullOrEmpty(value) || property.PropertyType == typeof(IList<string>)
            ? $"{text}."
            : $"{text}{range}; default {value}.";
    }

    private static string HelpNameOf(PropertyInfo property) =>
        property.PropertyType == typeof(TimeSpan) ? "hh:mm:ss" : property.PropertyType == typeof(int) ? "N" : "NAME";

    private sealed record Flag(string Setting, Option Option);
}
