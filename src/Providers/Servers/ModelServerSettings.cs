using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Servers;

/// <summary>Reads the servers out of a configuration, and says everything that is wrong with them at once.</summary>
internal static class ModelServerSettings
{
    private const string Url = "Evergrain:ModelUrl";
    private const string Api = "Evergrain:ModelApi";
    private const string Key = "Evergrain:ModelKey";
    private const string Rest = ModelServerOptions.SingleSection;

    private const int NameCharsMax = 64;
    private const int NameHashChars = 16;

    public static bool Exist(IConfiguration configuration) =>
        configuration[Url] is not null || configuration.GetSection(ModelServerOptions.Section).GetChildren().Any();

    /// <summary>Reads the list, or the one server that stands for it.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static IReadOnlyList<ModelServerOptions> Read(IConfiguration configuration)
    {
        var mistakes = new List<string>();
        var list = configuration.GetSection(ModelServerOptions.Section);
        List<CheckedServer> servers = configuration[Url] is { } url
            ? [Single(url, configuration, mistakes)]
            : [.. list.GetChildren().Select(section => Bind(section, $"ModelServers[{section.Key}]", mistakes))];
        if (!string.IsNullOrEmpty(list.Value))
        {
            mistakes.Add("ModelServers must be a list of objects.");
        }

        if (configuration[Url] is null &&
            ((configuration[Api] ?? configuration[Key]) is not null || configuration.GetSection(Rest).Exists()))
        {
            mistakes.Add("ModelApi, ModelKey and ModelServer (--model-…) belong to ModelUrl (--model-url), which is " +
                "missing.");
        }

        return Checked(servers, mistakes);
    }

    /// <summary>Takes keys from the environment, and checks.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static IReadOnlyList<ModelServerOptions> Checked(IReadOnlyList<ModelServerOptions> servers) => Checked(
        [.. servers.Select(static (server, index) => new CheckedServer($"ModelServers[{index}]", server))], []);

    private static IReadOnlyList<ModelServerOptions> Checked(
        IReadOnlyList<CheckedServer> servers, IReadOnlyList<string> mistakes)
    {
        foreach (var (_, server, _) in servers)
        {
            server.Key ??= server.KeyEnvironment is { Length: > 0 } variable
                ? Environment.GetEnvironmentVariable(variable)
                : null;
        }

        string[] all = [.. mistakes, .. ModelServerRules.Check(servers)];
        return all.Length == 0
            ? [.. servers.Select(static one => one.Server)]
            : throw new OptionsValidationException("ModelServers", typeof(ModelServerOptions), all);
    }

    private static CheckedServer Single(string url, IConfiguration configuration, List<string> mistakes)
    {
        var single = Bind(configuration.GetSection(Rest), "ModelServer (--model-…)", mistakes);
        var server = single.Server;
        server.Name = server.Name.Length > 0 ? server.Name : NameOf(url);
        server.Urls.Insert(0, url);
        server.Api = configuration[Api] ?? server.Api;
        server.Key = configuration[Key];
        return single with { IsSingle = true };
    }

    /// <summary>
    /// Host, port and path without <c>/v1</c>: another server has another name, and is not sent the ids that this one
    /// gave to items.
    /// </summary>
    private static string NameOf(string url)
    {
        var place = Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.Authority + PathOf(uri) : "";
        var name = string.Concat(place.Select(static letter =>
            char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' ? letter : '-')).Trim('-');
        if (name.Length > NameCharsMax)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(place)))[..NameHashChars];
            name = $"{name[..(NameCharsMax - NameHashChars - 1)]}-{hash}";
        }

        return name.Length > 0 ? name : "model";
    }

    private static string PathOf(Uri url)
    {
        var path = url.AbsolutePath.TrimEnd('/');
        return path.EndsWith("/v1", StringComparison.Ordinal) ? path[..^"/v1".Length] : path;
    }

    private static CheckedServer Bind(IConfigurationSection section, string place, List<string> mistakes)
    {
        var before = mistakes.Count;
        var server = new ModelServerOptions();
        new SettingsReader(mistakes).Read(section, server, place);
        if (section[nameof(ModelServerOptions.Key)] is not null)
        {
            mistakes.Add($"{place}: a key does not belong in settings; name the environment variable that holds it " +
                "in KeyEnvironment.");
        }

        return new CheckedServer(place, server, IsRead: mistakes.Count == before);
    }
}
